// A perceptual generator on a picture. docs/FORMAT.md, "Perceptual generator of dct-vae-photo".

import { NONE } from "../prior/adaptation.js";
import { emptyPicture, toByte } from "./pixels.js";

/** @typedef {import("../prior/slices.js").Context} Context */
/** @typedef {import("./dequantise.js").Steps} Steps */
/** @typedef {import("./generator.js").Generator} Generator */
/** @typedef {import("./pixels.js").FloatPicture} FloatPicture */

/** The temperature of the latents, whatever that of the picture is. */
const TEMPERATURE = 1;

/**
 * Draws a sample of what a picture may have been. What a file changes of its generator is for the other one alone.
 * @param {Generator} generator The perceptual one.
 * @param {Context} context
 * @param {Steps} steps
 * @param {bigint} seed
 */
export function drawSample(generator, context, steps, seed) {
  return generator.renderFloats({ ...context, adaptation: NONE }, steps, { temperature: TEMPERATURE, seed });
}

/**
 * Returns the picture on the line between two, rounded: (1 - temperature) smooth + temperature sample.
 * @param {FloatPicture} smooth
 * @param {FloatPicture} sample
 * @param {number} temperature
 */
export function blend(smooth, sample, temperature) {
  const out = emptyPicture(smooth.height, smooth.width, 3);
  const part = Math.fround(temperature);
  const rest = Math.fround(1 - part);
  for (let i = 0; i < out.pixels.length; i++) {
    const [a, b] = [Math.fround(rest * smooth.pixels[i]), Math.fround(part * sample.pixels[i])];
    out.pixels[i] = toByte(Math.fround(a + b));
  }
  return out;
}
