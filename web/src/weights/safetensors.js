// Files of weights: safetensors, read with care. Arrays are copies, so that they lie where their type wants them.

import { CodecUnavailable } from "../format/errors.js";

/** @typedef {Int8Array | Uint8Array | Int16Array | Int32Array | Float32Array | Float64Array} NumberArray */
/** @typedef {{data: NumberArray, shape: number[]}} Tensor */
/** @typedef {{metadata: Record<string, string>, tensors: Map<string, Tensor>}} Weights */

/** @type {Record<string, {bytes: number, read: (buffer: ArrayBuffer) => NumberArray}>} */
const TYPES = {
  I8: { bytes: 1, read: (buffer) => new Int8Array(buffer) },
  U8: { bytes: 1, read: (buffer) => new Uint8Array(buffer) },
  I16: { bytes: 2, read: (buffer) => new Int16Array(buffer) },
  I32: { bytes: 4, read: (buffer) => new Int32Array(buffer) },
  F32: { bytes: 4, read: (buffer) => new Float32Array(buffer) },
  F16: { bytes: 2, read: (buffer) => Float32Array.from(new Uint16Array(buffer), fromHalf) },
};

/**
 * Reads a file of weights. Throws CodecUnavailable for a file that is none.
 * @param {Uint8Array} bytes
 * @param {string} name Names it in that error.
 * @returns {Weights}
 */
export function readSafetensors(bytes, name) {
  const { header, start } = readHeader(bytes, name);
  const tensors = new Map();
  for (const [key, entry] of Object.entries(header)) {
    if (key !== "__metadata__") tensors.set(key, readTensor(bytes.subarray(start), entry, `${key} of ${name}`));
  }
  return { metadata: header.__metadata__ ?? {}, tensors };
}

/**
 * @param {Uint8Array} bytes
 * @param {string} name
 * @returns {{header: Record<string, any>, start: number}}
 */
function readHeader(bytes, name) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length < 8 ? Infinity : Number(view.getBigUint64(0, true));
  if (8 + length <= bytes.length) {
    try {
      const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
      if (header && typeof header === "object") return { header, start: 8 + length };
    } catch {
      // no JSON: no file of weights
    }
  }
  throw new CodecUnavailable(`${name} is no file of weights, or it was cut`);
}

/**
 * @param {Uint8Array} data What follows the header.
 * @param {{dtype: string, shape: number[], data_offsets: [number, number]}} entry
 * @param {string} name
 * @returns {Tensor}
 */
function readTensor(data, { dtype, shape, data_offsets: [start, end] }, name) {
  const type = TYPES[dtype];
  const size = shape.reduce((product, side) => product * side, 1);
  if (!type || end - start !== size * type.bytes || start < 0 || end > data.length) {
    throw new CodecUnavailable(`${name} is of a type that is not known here, or it was cut`);
  }
  const own = data.buffer.slice(data.byteOffset + start, data.byteOffset + end);
  return { data: type.read(/** @type {ArrayBuffer} */ (own)), shape };
}

/**
 * The number that 16 bits stand for, IEEE half precision.
 * @param {number} bits
 */
function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
