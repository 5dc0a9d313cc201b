// The DCs, phase by phase, each from those of the coarser lattices. docs/FORMAT.md, "DCs".

import { Codings, codingsOf } from "../entropy/codings.js";
import { readChunk } from "./chunks.js";
import { dcBase, dcPhases } from "./layout.js";
import { awayFrom, features, relu } from "./values.js";

/** @typedef {import("./walk.js").Walk} Walk */
/** @typedef {import("./layout.js").Phase} Phase */
/** @typedef {import("./layers.js").Channels} Channels */

const NEAR = 12; // neighbours of a DC in each channel

/**
 * Reads all DCs of a slice.
 * @param {Walk} own
 */
export function walkDcs(own) {
  const { rows, columns, grey } = own.slice.frame;
  const base = dcBase(rows, columns);
  const channels = grey ? [0] : [0, 1, 2];
  putDcs(own, base, channels, new Codings(channels.length * base.length).setWidest());
  for (const phase of dcPhases(rows, columns)) walkPhase(own, phase);
}

/**
 * Reads the DCs of one phase: Y, then, knowing how far it was from its prediction, Cb and Cr.
 * @param {Walk} own
 * @param {Phase} phase
 */
function walkPhase(own, phase) {
  const { logTable } = own.bitstream;
  const { away, predicted } = surroundings(own, phase);
  const known = [features(away, 3 * NEAR, logTable), constants(own, phase), shapesOf(own, phase)];
  readPart(own, phase, "y", known, { channels: [0], predicted });
  if (own.slice.frame.grey) return; // chroma is 0, and nobody else sees its predictions
  const luma = phase.at.map((tile) => own.slice.dc(0)[tile]);
  known.push(features(awayFrom(luma, predicted[0]), 1, logTable));
  readPart(own, phase, "c", known, { channels: [1, 2], predicted });
}

/**
 * Reads the DCs of some channels.
 * @param {Walk} own
 * @param {Phase} phase
 * @param {"y" | "c"} part Names its layers.
 * @param {Channels[]} known What the network sees.
 * @param {{channels: number[], predicted: Int32Array[]}} what Which channels, and the predictions of all.
 */
function readPart(own, phase, part, known, { channels, predicted }) {
  const name = `dc.${phase.kind}.${part}`;
  const n = phase.at.length;
  let x = known;
  for (const layer of ["in", "mid"]) {
    const out = own.bitstream.layer(`${name}.${layer}`).apply(x, 1, n);
    x = [relu(out, out.length / n)];
  }
  const head = own.bitstream.layer(`${name}.head`).apply(x, 1, n);
  const quarters = new Int32Array(channels.length * n);
  channels.forEach((channel, i) => predicted[channel].forEach((p, k) => (quarters[k * channels.length + i] = p)));
  putDcs(own, phase.at, channels, codingsOf(head, quarters, channels.length));
}

/**
 * Reads DCs of some channels at some tiles, listed by channel, then tile.
 * @param {Walk} own
 * @param {Int32Array} at
 * @param {number[]} channels
 * @param {Codings} codings
 */
function putDcs(own, at, channels, codings) {
  const symbols = readChunk(own.decoders[0], own.bitstream, codings, 0);
  channels.forEach((channel, i) => {
    const dc = own.slice.dc(channel);
    at.forEach((tile, k) => (dc[tile] = symbols[i * at.length + k]));
  });
}

/**
 * The predictions of a phase's DCs by channel, in quarter symbols, and how far its neighbours are from them, by tile,
 * channel and neighbour.
 * @param {Walk} own
 * @param {Phase} phase
 */
function surroundings(own, { kind, scaleClass, near, at }) {
  const weights = own.bitstream.array(`dc_linear_${kind}`).subarray(3 * NEAR * scaleClass);
  const away = new Int32Array(3 * NEAR * at.length);
  const predicted = [0, 1, 2].map((channel) => {
    const dc = own.slice.dc(channel);
    const out = new Int32Array(at.length);
    for (let k = 0; k < at.length; k++) {
      let sum = 512;
      for (let i = 0; i < NEAR; i++) sum += weights[NEAR * channel + i] * dc[near[NEAR * k + i]];
      out[k] = Math.floor(sum / 1024);
      const nearest = (out[k] + 2) >> 2;
      for (let i = 0; i < NEAR; i++) away[NEAR * (3 * k + channel) + i] = dc[near[NEAR * k + i]] - nearest;
    }
    return out;
  });
  return { away, predicted };
}

/**
 * The rate, and the class of the stride, alike for all DCs of a phase.
 * @param {Walk} own
 * @param {Phase} phase
 * @returns {Channels}
 */
function constants(own, { scaleClass, at }) {
  const one = [...own.rate.data, ...[0, 1, 2].map((number) => (number === scaleClass ? 32 : 0))];
  const data = new Int16Array(one.length * at.length);
  for (let k = 0; k < at.length; k++) data.set(one, k * one.length);
  return { data, channels: one.length };
}

/**
 * The features of the shapes of a phase's tiles.
 * @param {Walk} own
 * @param {Phase} phase
 * @returns {Channels}
 */
function shapesOf(own, { at }) {
  const { data, channels } = own.shapes;
  const own56 = new Int16Array(channels * at.length);
  at.forEach((tile, k) => own56.set(data.subarray(channels * tile, channels * (tile + 1)), k * channels));
  return { data: own56, channels };
}
