// The kernel, assembled for tests.

import { assembleKernel } from "../assemble.mjs";
import { Kernel } from "../src/kernel.js";

const BYTES = await assembleKernel();

/** A kernel with a memory of its own. */
export function startKernel() {
  return Kernel.start(BYTES);
}

/**
 * Whole numbers that are the same for every run.
 * @param {number} seed
 */
export function randomIntegers(seed) {
  let state = seed;
  return (/** @type {number} */ low, /** @type {number} */ high) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return low + Math.floor((state / 2 ** 32) * (high - low + 1));
  };
}
