// What a file of `dct-vae-photo` says of itself, in the words of `hvaecodec info`, and what no such file says.

import { CorruptFile, ModelMismatch } from "./errors.js";
import { EXTRA_NAMES } from "./header.js";

/** @typedef {import("./container.js").Container} Container */

export const CODEC = "dct-vae-photo";
export const N_LEVELS = 6;
const N_INDICES = 793; // qualities 1..100 in steps of 1/8

/**
 * Refuses a file of another codec.
 * @param {Container} container
 */
export function checkCodec({ header }) {
  if (header.codec !== CODEC) throw new ModelMismatch(`written by ${header.codec}, and this is ${CODEC}`);
}

/**
 * Refuses a file that needs another codec or other bitstream weights.
 * @param {Container} container
 * @param {string} digest Of the weights that were loaded, hexadecimal digits.
 */
export function checkWeights(container, digest) {
  checkCodec(container);
  if (container.header.weights !== digest) {
    throw new ModelMismatch(
      `written with bitstream weights ${container.header.weights}, loaded ${digest}; ` +
        "install the release that wrote the file, or load its weights by their folder",
    );
  }
}

/**
 * Refuses a step index or a number of levels that no file of this codec has.
 * @param {Container} container
 */
export function checkFields({ header, levelLengths }) {
  if (header.stepIndex >= N_INDICES) {
    throw new CorruptFile(`step index ${header.stepIndex} is outside 0..${N_INDICES - 1}`);
  }
  if (levelLengths.length !== N_LEVELS) {
    throw new CorruptFile(`${levelLengths.length} level streams, expected ${N_LEVELS}`);
  }
}

/**
 * Returns what `hvaecodec info` says of a file.
 * @param {number} nBytes Of the whole file.
 * @param {Container} container What `unpack` makes of it.
 * @returns {Record<string, string | number | Record<string, number>>}
 */
export function describe(nBytes, container) {
  checkCodec(container);
  checkFields(container);
  const { codec, weights, generator, height, width, mode, stepIndex } = container.header;
  const levels = container.levelLengths.map((length, level) => [`level ${level}`, length]);
  const extras = Array.from(container.extras, ([kind, part]) => [EXTRA_NAMES.get(kind), part.length]);
  return {
    codec,
    weights,
    generator,
    height,
    width,
    mode,
    quality: 1 + stepIndex / 8,
    n_bytes: nBytes,
    bpp: (8 * nBytes) / (height * width),
    framing_bytes: container.framingBytes,
    payload_bytes: Object.fromEntries([...levels, ...extras]),
    levels: container.levelLengths.length,
  };
}
