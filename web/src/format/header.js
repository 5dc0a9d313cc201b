// The header of an `.hvc` file and its table of streams. docs/FORMAT.md is the norm.
//
// Reading makes every check that is possible without the payloads: magic, version, limits, header checksum, ids.

import { CodecUnavailable, CorruptFile, NotThisFormat, UnsupportedVersion } from "./errors.js";
import { Reader, checkCrc, hex } from "./fields.js";
import { MAX_SIDE, sizeProblem } from "./limits.js";

/**
 * What a file says about itself before its streams. weights, generator: digests in hexadecimal digits.
 * @typedef {object} Header
 * @property {string} codec
 * @property {string} mode "L", "LA", "RGB" or "RGBA"
 * @property {number} height
 * @property {number} width
 * @property {number} stepIndex
 * @property {string} weights
 * @property {string} generator
 */

/**
 * The place of a payload in a file. kind: the type of an extra stream, 0 for a level stream.
 * @typedef {{name: string, kind: number, start: number, length: number, end: number, crc: number}} Stream
 */

/**
 * A header and the places of its payloads. end: the offset at which the first payload starts.
 * @typedef {{header: Header, extras: Stream[], levels: Stream[], end: number, payloadEnd: number}} StreamTable
 */

/** @typedef {{name: string, kind: number, length: number, crc: number}} Row */

const VERSION = 1;
const CODECS = new Map([[1, "dct-vae-photo"], [2, "hqa-photo"], [3, "dct-vae-cifar10"], [4, "srvae-cifar10"]]);
const MODES = ["L", "LA", "RGB", "RGBA"];
export const ALPHA = 1;
export const ICC = 2;
export const EXIF = 3;
/** @type {Map<number, string>} */
export const EXTRA_NAMES = new Map([[ALPHA, "alpha"], [ICC, "icc"], [EXIF, "exif"]]);
const MAX_LENGTH = 2 ** 32 - 1;
const FIXED_BYTES = 11; // magic, version and codec, flags, digests

/**
 * Reads the header and the table of streams of a file.
 * @param {Uint8Array} data
 * @returns {StreamTable}
 */
export function readStreamTable(data) {
  checkMagic(data);
  const reader = new Reader(data);
  const fixed = reader.take(FIXED_BYTES, "header");
  const height = reader.varint("height", MAX_SIDE);
  const width = reader.varint("width", MAX_SIDE);
  const problem = sizeProblem(height, width);
  if (problem) throw new CorruptFile(problem);
  const stepIndex = reader.uint(2, "step index");
  const { extras, levels } = readRows(reader, fixed[4]);
  checkCrc(data, reader.at, "header");
  reader.take(4, "header checksum");
  const mode = MODES[fixed[4] & 3];
  const codec = checkIds(fixed[3] >> 4, mode, extras.map((row) => row.kind));
  const streams = placeStreams([...extras, ...levels], reader.at);
  const header = { codec, mode, height, width, stepIndex, weights: hex(fixed.subarray(5, 9)), generator: "" };
  header.generator = hex(fixed.subarray(9, 11));
  const places = { extras: streams.slice(0, extras.length), levels: streams.slice(extras.length) };
  return { header, ...places, end: reader.at, payloadEnd: streams[streams.length - 1].end };
}

/** @param {Uint8Array} data */
function checkMagic(data) {
  if (!data.length) throw new NotThisFormat("the file is empty, expected an .hvc file");
  const start = data.subarray(0, 3);
  if (!start.every((byte, i) => byte === "HVC".charCodeAt(i))) {
    throw new NotThisFormat(`starts with ${hex(start)}, not with HVC; this is not an .hvc file`);
  }
  if (data.length < 3) throw new CorruptFile(`the file ends after ${data.length} bytes; it is truncated`);
  const version = data[3] & 0x0f;
  if (data.length > 3 && version !== VERSION) {
    throw new UnsupportedVersion(`format version ${version}, this program reads version 1; upgrade hvaecodec`);
  }
}

/**
 * Reads what the table declares of the extra streams and of the level streams.
 * @param {Reader} reader
 * @param {number} flags
 */
function readRows(reader, flags) {
  const nLevels = flags >> 3;
  if (!nLevels) throw new CorruptFile("the header declares no level stream, expected 1 to 31");
  const nExtras = flags & 4 ? reader.uint(1, "number of extra streams") : 0;
  if (flags & 4 && !nExtras) throw new CorruptFile("the header promises extra streams but counts none");
  const extras = [];
  for (let i = 0; i < nExtras; i++) {
    const kind = reader.uint(1, "type of an extra stream");
    extras.push(readRow(reader, `${EXTRA_NAMES.get(kind) ?? `type ${kind}`} stream`, kind));
  }
  return { extras, levels: Array.from({ length: nLevels }, (_, level) => readRow(reader, `level ${level}`, 0)) };
}

/**
 * @param {Reader} reader
 * @param {string} name
 * @param {number} kind
 * @returns {Row}
 */
function readRow(reader, name, kind) {
  const length = reader.varint(`length of ${name}`, MAX_LENGTH);
  return { name, kind, length, crc: reader.uint(4, `checksum of ${name}`) };
}

/**
 * Gives every row its place: payloads follow each other from offset `first` on.
 * @param {Row[]} rows
 * @param {number} first
 * @returns {Stream[]}
 */
function placeStreams(rows, first) {
  let start = first;
  return rows.map((row) => {
    const stream = { ...row, start, end: start + row.length };
    start = stream.end;
    return stream;
  });
}

/**
 * Returns the codec's name, once the codec and the types of the extra streams are known ones.
 * @param {number} id
 * @param {string} mode
 * @param {number[]} kinds
 */
function checkIds(id, mode, kinds) {
  const codec = CODECS.get(id);
  if (!codec) throw new CodecUnavailable(`codec id ${id} is unknown to this version; upgrade hvaecodec`);
  const unknown = kinds.find((kind) => !EXTRA_NAMES.has(kind));
  if (unknown !== undefined) {
    const what = unknown >= 16 && unknown < 32 ? "quantised latents" : "something newer";
    throw new UnsupportedVersion(`stream type ${unknown} (${what}) is unknown to this version; upgrade hvaecodec`);
  }
  if (kinds.some((kind, i) => i > 0 && kinds[i - 1] >= kind)) {
    throw new CorruptFile(`extra stream types [${kinds.join(", ")}] are not in rising order`);
  }
  const hasAlpha = mode.endsWith("A");
  if (kinds.includes(ALPHA) !== hasAlpha) {
    throw new CorruptFile(`mode ${mode} ${hasAlpha ? "without" : "with"} an alpha stream`);
  }
  return codec;
}
