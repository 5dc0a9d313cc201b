// A picture's context from its level streams: slices of 64 rows of tiles, one below the other. docs/FORMAT.md,
// "Slices".

import { CorruptFile } from "../format/errors.js";
import { Reader } from "../format/fields.js";
import { RangeDecoder } from "../entropy/range_decoder.js";
import { NONE, readAdaptation } from "./adaptation.js";
import { N_PLACES, TILE } from "./layout.js";
import { readShapes } from "./shape_stream.js";
import { Slice } from "./symbols.js";
import { walk } from "./walk.js";

/** @typedef {import("./adaptation.js").Adaptation} Adaptation */
/** @typedef {import("./bitstream.js").Bitstream} Bitstream */

/**
 * What a generator sees of a file. symbols: int16 by flat place (channel, u, v) and tile. shapes: of luma and chroma,
 * (2, 2 rows, 2 columns).
 * @typedef {object} Context
 * @property {Int16Array} symbols
 * @property {Uint8Array} shapes
 * @property {number} rows
 * @property {number} columns
 * @property {number} stepIndex
 * @property {Adaptation} adaptation
 */

const SLICE_ROWS = 64;
const MAX_LENGTH = 2 ** 32 - 1;

/**
 * Decodes the context of a picture from as many levels as there are; symbols of finer ones are zero.
 * @param {Bitstream} bitstream
 * @param {import("../format/header.js").Header} header
 * @param {Uint8Array[]} levels Coarse to fine.
 * @returns {Context}
 */
export function decodeContext(bitstream, header, levels) {
  const rows = Math.ceil(header.height / TILE);
  const columns = Math.ceil(header.width / TILE);
  const count = Math.ceil(rows / SLICE_ROWS);
  const streams = levels.map((payload, number) => unpackLevel(payload, count, `level ${number}`));
  /** @type {Context} */
  const context = {
    symbols: new Int16Array(N_PLACES * rows * columns),
    shapes: new Uint8Array(8 * rows * columns),
    rows,
    columns,
    stepIndex: header.stepIndex,
    adaptation: NONE,
  };
  const whole = { columns, stepIndex: header.stepIndex, grey: header.mode.startsWith("L") };
  for (let number = 0; number < count; number++) {
    const top = number * SLICE_ROWS;
    const frame = { ...whole, rows: Math.min(SLICE_ROWS, rows - top), first: number === 0 };
    const { slice, adaptation } = decodeSlice(bitstream, frame, streams.map((parts) => parts[number]));
    if (frame.first) context.adaptation = adaptation;
    putSlice(context, slice, top);
  }
  return context;
}

/**
 * @param {Bitstream} bitstream
 * @param {import("./symbols.js").Frame} frame
 * @param {Uint8Array[]} streams
 */
function decodeSlice(bitstream, frame, streams) {
  const { kernel } = bitstream;
  const { top } = kernel;
  try {
    const decoders = streams.map((stream) => new RangeDecoder(kernel, stream));
    const adaptation = frame.first ? readAdaptation(decoders[0], bitstream.adaptation) : NONE;
    const slice = new Slice(frame, readShapes(decoders[0], bitstream.shapeTables, frame));
    walk(bitstream, slice, decoders);
    for (const decoder of decoders) decoder.checkExhausted();
    return { slice, adaptation };
  } finally {
    kernel.top = top;
  }
}

/**
 * Writes a slice into the picture's context.
 * @param {Context} context
 * @param {Slice} slice
 * @param {number} top The row of tiles at which it begins.
 */
function putSlice(context, slice, top) {
  const { rows, columns } = context;
  for (let place = 0; place < N_PLACES; place++) {
    const own = slice.symbols.subarray(place * slice.tiles, (place + 1) * slice.tiles);
    context.symbols.set(own, (place * rows + top) * columns);
  }
  const quadrants = 4 * slice.tiles;
  for (let map = 0; map < 2; map++) {
    const own = slice.shapes.subarray(map * quadrants, (map + 1) * quadrants);
    context.shapes.set(own, 4 * (map * rows + top) * columns);
  }
}

/**
 * Returns the streams of so many slices.
 * @param {Uint8Array} payload
 * @param {number} count
 * @param {string} name
 */
function unpackLevel(payload, count, name) {
  const reader = new Reader(payload);
  const lengths = [];
  for (let i = 0; i < count - 1; i++) lengths.push(reader.varint(`length of slice ${i} of ${name}`, MAX_LENGTH));
  const sum = lengths.reduce((total, length) => total + length, 0);
  const left = payload.length - reader.at;
  if (sum > left) {
    throw new CorruptFile(
      `the slices of ${name} need ${sum} bytes, only ${left} are there; the file was made by something else`,
    );
  }
  const streams = lengths.map((length) => reader.take(length, `a slice of ${name}`));
  return [...streams, payload.subarray(reader.at)];
}
