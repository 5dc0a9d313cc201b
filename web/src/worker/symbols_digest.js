// The digest of a file's symbols, to compare with other decoders.

import { STEPS, TILE } from "../prior/layout.js";

/**
 * Returns the SHA-256 of all symbols, hexadecimal: int16, little endian, of level 0 by (channel, tile), of every other
 * level by (channel, band H, V, D, u, v, tile). It is that of the arrays of `DctVaeCodec.symbols`, one after the other.
 * @param {import("../prior/slices.js").Context} context
 */
export async function symbolsDigest({ symbols, rows, columns }) {
  const tiles = rows * columns;
  const ordered = new Int16Array(symbols.length);
  orderedPlaces().forEach((place, i) => {
    ordered.set(symbols.subarray(place * tiles, (place + 1) * tiles), i * tiles);
  });
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", ordered));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The flat places (channel, u, v) level by level, channel by channel. */
function orderedPlaces() {
  const places = [0, 1, 2].map((channel) => channel * TILE * TILE);
  for (let level = 1; level <= 5; level++) {
    for (let channel = 0; channel < 3; channel++) {
      const own = STEPS.filter((step) => step.level === level).flatMap((step) => Array.from(step.places));
      places.push(...own.filter((place) => Math.floor(place / TILE ** 2) === channel).sort(byBand(1 << (level - 1))));
    }
  }
  return places;
}

/**
 * Orders places of a level by band, H, V, D, then by (u, v).
 * @param {number} n The side of its bands.
 */
function byBand(n) {
  const key = (/** @type {number} */ place) => {
    const [u, v] = [(place / TILE) % TILE, place % TILE];
    return (u < n ? 0 : v < n ? 1 : 2) * TILE * TILE + (place % TILE ** 2);
  };
  return (/** @type {number} */ a, /** @type {number} */ b) => key(a) - key(b);
}
