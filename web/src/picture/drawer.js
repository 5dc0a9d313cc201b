// The picture of a context by a generator, at a temperature. What another temperature or seed needs again is kept.

import { addTexture } from "./texture.js";

/** @typedef {import("../prior/slices.js").Context} Context */
/** @typedef {import("../weights/generators.js").Drawing} Drawing */
/** @typedef {import("./dequantise.js").Steps} Steps */
/** @typedef {import("./pixels.js").Picture} Picture */

/** Draws one context with one drawing. */
export class Drawer {
  /**
   * @param {Drawing} drawing
   * @param {Context} context
   * @param {Steps} steps
   */
  constructor(drawing, context, steps) {
    this.drawing = drawing;
    this.context = context;
    this.steps = steps;
    /** @type {Picture | null} At temperature 0. */
    this.smooth = null;
    /** @type {{seed: bigint, texture: Float32Array} | null} The last one. */
    this.textured = null;
  }

  /**
   * Returns RGB of whole tiles. Above temperature 0 the texture is drawn if there is one, else the latents.
   * @param {number} temperature
   * @param {bigint} seed
   */
  async draw(temperature, seed) {
    const { generator, texture } = this.drawing;
    if (temperature && !texture) return generator.render(this.context, this.steps, { temperature, seed });
    this.smooth ??= await generator.render(this.context, this.steps, null);
    if (!temperature || !texture) return this.smooth;
    if (this.textured?.seed !== seed) {
      this.textured = { seed, texture: await texture.draw(this.smooth, this.context.stepIndex, seed) };
    }
    return addTexture(this.smooth, this.textured.texture, temperature);
  }
}
