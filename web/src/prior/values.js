// What the walk does with numbers besides convolving them. docs/FORMAT.md, "The network" and "Levels and steps".

import { linearInputs } from "./layout.js";

/** @typedef {import("./layers.js").Channels} Channels */
/** @typedef {import("./layout.js").Step} Step */

const LIMIT = 32767;

/**
 * Clamps to the range of activations, 0..255.
 * @param {ArrayLike<number>} values By tile.
 * @param {number} channels
 * @returns {Channels}
 */
export function relu(values, channels) {
  const data = new Int16Array(values.length);
  for (let i = 0; i < data.length; i++) data[i] = values[i] < 0 ? 0 : values[i] > 255 ? 255 : values[i];
  return { data, channels };
}

/**
 * Adds to a state, within its 16 bits.
 * @param {Channels} state
 * @param {ArrayLike<number>} change Of all tiles, or of one for all.
 */
export function addTo(state, change) {
  const { data } = state;
  const n = change.length;
  for (let i = 0, j = 0; i < data.length; i++, j++) {
    if (j === n) j = 0;
    const sum = data[i] + change[j];
    data[i] = sum > LIMIT ? LIMIT : sum < -LIMIT ? -LIMIT : sum;
  }
}

/**
 * Returns sgn(v) L(v) of every value of a tile, then L(v) of every value: twice the channels.
 * @param {ArrayLike<number>} values By tile.
 * @param {number} channels
 * @param {ArrayLike<number>} logTable
 * @returns {Channels}
 */
export function features(values, channels, logTable) {
  const data = new Int16Array(2 * values.length);
  for (let i = 0, to = 0; i < values.length; i += channels, to += 2 * channels) {
    for (let channel = 0; channel < channels; channel++) {
      const value = values[i + channel];
      const size = logTable[Math.min(Math.abs(value), 4095)];
      data[to + channel] = value < 0 ? -size : size;
      data[to + channels + channel] = size;
    }
  }
  return { data, channels: 2 * channels };
}

/**
 * Returns values less the whole symbols nearest to predictions in quarter symbols.
 * @param {ArrayLike<number>} values
 * @param {ArrayLike<number>} predictions
 */
export function awayFrom(values, predictions) {
  const away = new Int32Array(values.length);
  for (let i = 0; i < away.length; i++) away[i] = values[i] - ((predictions[i] + 2) >> 2);
  return away;
}

/**
 * Returns the one-hot features of maps of shapes, 56 channels: 32 or 0 by map, quadrant and shape.
 * @param {Uint8Array} shapes Of luma and chroma, (2, 2 rows, 2 columns).
 * @param {number} rows
 * @param {number} columns
 * @returns {Channels}
 */
export function shapeFeatures(shapes, rows, columns) {
  const data = new Int16Array(56 * rows * columns);
  for (let map = 0; map < 2; map++) {
    for (let r = 0; r < 2 * rows; r++) {
      for (let c = 0; c < 2 * columns; c++) {
        const quadrant = 2 * (r & 1) + (c & 1);
        const tile = (r >> 1) * columns + (c >> 1);
        data[56 * tile + (4 * map + quadrant) * 7 + shapes[(2 * rows * map + r) * 2 * columns + c]] = 32;
      }
    }
  }
  return { data, channels: 56 };
}

/**
 * Returns the predictions of a step's symbols in quarter symbols, by tile.
 * @param {Step} step
 * @param {Map<string, import("../weights/safetensors.js").Tensor>} tables
 * @param {import("./symbols.js").Slice} slice
 */
export function linear(step, tables, slice) {
  const size = step.places.length;
  const out = new Int32Array(slice.tiles * size);
  step.bands.forEach((band, number) => {
    const inputs = linearInputs(step, band);
    const table = tables.get(`linear_${step.name}_${number}`)?.data ?? [];
    const n = band.n ** 2;
    const around = new Int32Array(9 * inputs.length);
    for (let tile = 0; tile < slice.tiles; tile++) {
      slice.surroundings(inputs, tile, around);
      let at = Math.min(slice.shapeOf(step.map, tile), 3) * n * around.length;
      for (let o = 0; o < n; o++) {
        let sum = 512;
        for (let i = 0; i < around.length; i++) sum += table[at++] * around[i];
        out[tile * size + number * n + o] = Math.floor(sum / 1024);
      }
    }
  });
  return out;
}
