// Stored frequencies as a decoder wants them: where each entry starts in 0..2^24. docs/FORMAT.md, "The entropy coder".

/** @typedef {import("../kernel.js").Kernel} Kernel */

/**
 * A table in the kernel's memory, and how many entries it has.
 * @typedef {{place: number, entries: number}} Table
 */

const TOTAL = 2 ** 22; // the sum of a table's frequencies
const WHOLE = 2 ** 24;

/**
 * Returns where the entries of a table start, and the end of the last one.
 * @param {ArrayLike<number>} frequencies
 */
export function startsOf(frequencies) {
  const n = frequencies.length;
  const starts = new Uint32Array(n + 1);
  let before = 0;
  for (let entry = 0; entry < n; entry++) {
    starts[entry] = Math.floor((before * (WHOLE - n)) / TOTAL) + entry; // exact: below 2^46
    before += frequencies[entry];
  }
  starts[n] = WHOLE;
  return starts;
}

/**
 * Puts a table into the kernel's memory.
 * @param {Kernel} kernel
 * @param {ArrayLike<number>} frequencies Positive, of sum 2^22.
 * @returns {Table}
 */
export function storeTable(kernel, frequencies) {
  return { place: kernel.store(startsOf(frequencies)), entries: frequencies.length };
}

/**
 * Puts the table of integers of `bits` bits, all equally frequent, into the kernel's memory.
 * @param {Kernel} kernel
 * @param {number} bits
 * @returns {Table}
 */
export function storeUniform(kernel, bits) {
  const entries = 1 << bits;
  const starts = Uint32Array.from({ length: entries + 1 }, (_, entry) => entry * (WHOLE / entries));
  return { place: kernel.store(starts), entries };
}
