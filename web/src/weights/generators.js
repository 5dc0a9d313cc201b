// The generators of a file of weights, by digest; each net loads when it is first asked for.

import { CodecUnavailable } from "../format/errors.js";
import { Generator } from "../picture/generator.js";
import { Net } from "../picture/net.js";
import { Texture } from "../picture/texture.js";

/** @typedef {import("../kernel.js").Kernel} Kernel */
/** @typedef {import("./bundle.js").Bundle} Bundle */
/** @typedef {import("./bundle.js").GeneratorEntry} GeneratorEntry */
/** @typedef {import("../picture/net.js").Runtime} Runtime */

/** @typedef {{generator: Generator, texture: Texture | null, perceptual: Generator | null}} Drawing */

/** What draws pictures: a generator, or one with a texture or a perceptual generator on top of it. */
export class Generators {
  /**
   * @param {Kernel} kernel
   * @param {Bundle} bundle
   * @param {Runtime} runtime
   */
  constructor(kernel, bundle, runtime) {
    this.kernel = kernel;
    this.bundle = bundle;
    this.runtime = runtime;
    /** @type {Map<string, Promise<Drawing>>} */
    this.loaded = new Map();
  }

  /**
   * Chooses the generator that a file is decoded with: the one that it names or, with a note, the newest.
   * @param {string} named
   */
  choose(named) {
    const { newest } = this.bundle.about;
    if (this.#entry(named)) return { digest: named, note: null };
    const note =
      `generator ${named} is not installed; decoding with ${newest}, the picture may differ a ` +
      "little from the one that was encoded";
    return { digest: newest, note };
  }

  /**
   * Returns the digest of the generator below all that is on top of it; of one that is not here, its own.
   * @param {string} digest
   * @returns {string}
   */
  base(digest) {
    const below = this.#entry(digest)?.base;
    return below === undefined ? digest : this.base(below);
  }

  /**
   * Returns the nets of a digest that is here.
   * @param {string} digest
   */
  drawing(digest) {
    const drawing = this.loaded.get(digest) ?? this.#load(digest);
    this.loaded.set(digest, drawing);
    drawing.catch(() => this.loaded.delete(digest));
    return drawing;
  }

  /**
   * @param {string} digest
   * @returns {Promise<Drawing>}
   */
  async #load(digest) {
    const entry = this.#entry(digest);
    if (!entry) throw new CodecUnavailable(`the file of weights has no generator ${digest}`);
    if (entry.base === undefined) {
      const basis = await this.bundle.part(`generator.${digest}.basis`);
      const generator = await this.#generator(entry, new Float32Array(basis.buffer));
      return { generator, texture: null, perceptual: null };
    }
    const below = await this.drawing(entry.base);
    if (entry.kind === "perceptual") return { ...below, perceptual: await this.#generator(entry, new Float32Array(0)) };
    if (entry.kind === "texture") {
      return { ...below, texture: new Texture(this.kernel, await this.#net(entry), entry.noise ?? 0) };
    }
    throw new CodecUnavailable(`generator ${digest} is a '${entry.kind}', which this page does not know`);
  }

  /**
   * @param {GeneratorEntry} entry
   * @param {Float32Array} basis
   */
  async #generator(entry, basis) {
    return new Generator(this.kernel, await this.#net(entry), entry, basis);
  }

  /** @param {GeneratorEntry} entry */
  async #net({ digest }) {
    return Net.load(this.runtime, await this.bundle.part(`generator.${digest}.model`));
  }

  /** @param {string} digest */
  #entry(digest) {
    return this.bundle.about.generators.find((entry) => entry.digest === digest);
  }
}
