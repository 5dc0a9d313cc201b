// The walk down the pyramid of levels, coarse to fine: what the network says, and the symbols that are read with it.
// docs/FORMAT.md, "Level streams of dct-vae-photo", has every formula.

import { codingsOf } from "../entropy/codings.js";
import { readChunk } from "./chunks.js";
import { walkDcs } from "./dc_phases.js";
import { MAX_LINEAR_LEVEL, STEPS } from "./layout.js";
import { neighbours } from "./symbols.js";
import { addTo, awayFrom, features, linear, relu, shapeFeatures } from "./values.js";

/** @typedef {import("../entropy/range_decoder.js").RangeDecoder} RangeDecoder */
/** @typedef {import("./bitstream.js").Bitstream} Bitstream */
/** @typedef {import("./layers.js").Channels} Channels */
/** @typedef {import("./layout.js").Step} Step */
/** @typedef {import("./symbols.js").Slice} Slice */

/**
 * What a slice is decoded with: the streams' decoders by level, and the features of its rate and of its shapes.
 * @typedef {{bitstream: Bitstream, slice: Slice, decoders: RangeDecoder[], rate: Channels, shapes: Channels}} Walk
 */

const CHUNK_TILES = 4096;

/**
 * Reads the symbols of as many levels as there are decoders into a slice.
 * @param {Bitstream} bitstream
 * @param {Slice} slice
 * @param {RangeDecoder[]} decoders Coarse to fine; that of level 0 stands before the DCs.
 */
export function walk(bitstream, slice, decoders) {
  const { rows, columns, stepIndex } = slice.frame;
  const rate = Int16Array.from(bitstream.array("rate_table").subarray(8 * stepIndex, 8 * stepIndex + 8));
  const shapes = shapeFeatures(slice.shapes, rows, columns);
  const own = { bitstream, slice, decoders, rate: { data: rate, channels: 8 }, shapes };
  walkDcs(own);
  if (decoders.length > 1) walkSteps(own);
}

/** @param {Walk} own */
function walkSteps(own) {
  const { bitstream, slice, decoders } = own;
  let state = startState(own);
  /** @type {Channels | null} */
  let before = null; // the features of the step before, which is the first half where this one is the second
  for (const step of STEPS) {
    if (step.level >= decoders.length) return;
    state = refined(own, step, state);
    const predicted = step.level <= MAX_LINEAR_LEVEL ? linear(step, bitstream.tensors, slice) : null;
    const known = [relu(state.data, state.channels), own.shapes];
    if (step.half === 1 && before) known.push(before);
    readStep(own, step, known, predicted);
    if (step === STEPS[STEPS.length - 1]) return;
    const size = step.places.length;
    const symbols = slice.take(step.places);
    before = features(symbols, size, bitstream.logTable);
    const parts = predicted ? [before, features(awayFrom(symbols, predicted), size, bitstream.logTable)] : [before];
    addTo(state, apply(own, `${step.name}.embed`, parts));
  }
}

/**
 * The state before the first step, from the differences of the DCs to those of the tiles around.
 * @param {Walk} own
 * @returns {Channels}
 */
function startState(own) {
  const { slice, bitstream } = own;
  const around = new Int32Array(24 * slice.tiles);
  for (let tile = 0; tile < slice.tiles; tile++) {
    const near = neighbours(slice.frame, tile).filter((_, i) => i !== 4);
    for (let channel = 0; channel < 3; channel++) {
      const dc = slice.dc(channel);
      near.forEach((other, i) => (around[24 * tile + 8 * channel + i] = dc[other] - dc[tile]));
    }
  }
  return makeState(own, "start", features(around, 24, bitstream.logTable));
}

/**
 * The state from which a step's tables come: widened, shifted by the rate and a level's shapes, and refined.
 * @param {Walk} own
 * @param {Step} step
 * @param {Channels} before
 */
function refined(own, step, before) {
  const { layers } = own.bitstream;
  const { name } = step;
  const widens = layers.has(`${name}.widen`);
  const state = widens ? makeState(own, `${name}.widen`, relu(before.data, before.channels)) : before;
  addTo(state, own.bitstream.layer(`${name}.rate`).apply([own.rate], 1, 1));
  if (layers.has(`${name}.shape`)) addTo(state, apply(own, `${name}.shape`, [own.shapes]));
  for (let b = 0; layers.has(`${name}.block${b}.conv`); b++) {
    const inner = apply(own, `${name}.block${b}.conv`, [relu(state.data, state.channels)]);
    addTo(state, apply(own, `${name}.block${b}.mix`, [relu(inner, inner.length / own.slice.tiles)]));
  }
  return state;
}

/**
 * Reads the symbols of a step, chunk after chunk of rows.
 * @param {Walk} own
 * @param {Step} step
 * @param {Channels[]} known What the head sees.
 * @param {Int32Array | null} predicted Quarter symbols.
 */
function readStep(own, step, known, predicted) {
  const { rows, columns, grey } = own.slice.frame;
  if (grey && step.map) return;
  const atOnce = Math.max(1, Math.floor(CHUNK_TILES / columns));
  const size = step.places.length;
  for (let top = 0; top < rows; top += atOnce) {
    const n = Math.min(atOnce, rows - top);
    const [first, end] = [top * columns, (top + n) * columns];
    const inside = known.map((all) => ({ ...all, data: all.data.subarray(first * all.channels, end * all.channels) }));
    const head = own.bitstream.layer(`${step.name}.head`).apply(inside, n, columns);
    const codings = codingsOf(head, predicted?.subarray(first * size, end * size) ?? null, size);
    const symbols = readChunk(own.decoders[step.level], own.bitstream, codings, step.level);
    step.places.forEach((place, i) => {
      own.slice.symbols.set(symbols.subarray(i * n * columns, (i + 1) * n * columns), place * own.slice.tiles + first);
    });
  }
}

/**
 * Applies a layer to the grid of a slice.
 * @param {Walk} own
 * @param {string} name
 * @param {Channels[]} parts
 */
function apply(own, name, parts) {
  return own.bitstream.layer(name).apply(parts, own.slice.frame.rows, own.slice.frame.columns);
}

/**
 * A new state, within 16 bits as every sum of one is.
 * @param {Walk} own
 * @param {string} name
 * @param {Channels} input
 * @returns {Channels}
 */
function makeState(own, name, input) {
  const { outputs } = own.bitstream.layer(name);
  const state = { data: new Int16Array(outputs * own.slice.tiles), channels: outputs };
  addTo(state, apply(own, name, [input]));
  return state;
}
