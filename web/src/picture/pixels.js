// Numbers to pixels of 8 bits: rounding, cropping, grey, and smaller planes.

/**
 * A picture of 8 bits: rows of pixels, each with its channels.
 * @typedef {{pixels: Uint8ClampedArray, width: number, height: number, channels: number}} Picture
 */

const LUMA = [0.299, 0.587, 0.114];
const PRECISION = 22; // bits of the weights of `shrink`, as Pillow has them

/**
 * Rounds a number to 0..255, halves to even.
 * @param {number} value
 */
export function toByte(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && floor & 1) ? floor + 1 : floor;
  return rounded < 0 ? 0 : rounded > 255 ? 255 : rounded;
}

/**
 * The same before it is rounded, RGB.
 * @typedef {{pixels: Float32Array, width: number, height: number}} FloatPicture
 */

/**
 * Where a part of a picture is in planes: their sizes, and which of their rows and columns are the part's.
 * @typedef {{height: number, width: number, top: number, left: number, rows: number, columns: number}} Part
 */

/**
 * Writes a part of a picture that is stored by channel into one that is stored by pixel, rounded.
 * @param {Float32Array} planes (3, height, width)
 * @param {Part} part
 * @param {Picture} picture
 * @param {{top: number, left: number}} to
 */
export function putRounded(planes, part, picture, to) {
  const n = part.height * part.width;
  for (let r = 0; r < part.rows; r++) {
    let from = (part.top + r) * part.width + part.left;
    let at = 3 * ((to.top + r) * picture.width + to.left);
    for (let c = 0; c < part.columns; c++, from++) {
      picture.pixels[at++] = toByte(planes[from]);
      picture.pixels[at++] = toByte(planes[n + from]);
      picture.pixels[at++] = toByte(planes[2 * n + from]);
    }
  }
}

/**
 * Writes the same without rounding it.
 * @param {Float32Array} planes (3, height, width)
 * @param {Part} part
 * @param {FloatPicture} picture
 * @param {{top: number, left: number}} to
 */
export function putFloats(planes, part, picture, to) {
  const n = part.height * part.width;
  for (let r = 0; r < part.rows; r++) {
    let from = (part.top + r) * part.width + part.left;
    let at = 3 * ((to.top + r) * picture.width + to.left);
    for (let c = 0; c < part.columns; c++, from++) {
      picture.pixels[at++] = planes[from];
      picture.pixels[at++] = planes[n + from];
      picture.pixels[at++] = planes[2 * n + from];
    }
  }
}

/**
 * Returns a picture with no pixels yet.
 * @param {number} height
 * @param {number} width
 * @param {number} channels
 * @returns {Picture}
 */
export function emptyPicture(height, width, channels) {
  return { pixels: new Uint8ClampedArray(height * width * channels), height, width, channels };
}

/**
 * Crops an RGB picture to a mode's channels and a size; grey is its luma, alpha is a plane that goes on top.
 * @param {Picture} rgb
 * @param {string} mode
 * @param {{height: number, width: number}} size
 * @param {Uint8Array | null} alpha
 */
export function assemble(rgb, mode, { height, width }, alpha) {
  const grey = mode.startsWith("L");
  const picture = emptyPicture(height, width, (grey ? 1 : 3) + (alpha ? 1 : 0));
  const { pixels } = picture;
  for (let r = 0, to = 0; r < height; r++) {
    let from = 3 * r * rgb.width;
    for (let c = 0; c < width; c++, from += 3) {
      const [red, green, blue] = [rgb.pixels[from], rgb.pixels[from + 1], rgb.pixels[from + 2]];
      if (grey) pixels[to++] = toByte(red * LUMA[0] + green * LUMA[1] + blue * LUMA[2]);
      else {
        pixels[to++] = red;
        pixels[to++] = green;
        pixels[to++] = blue;
      }
      if (alpha) pixels[to++] = alpha[r * width + c];
    }
  }
  return picture;
}

/**
 * Returns a smaller plane, each value the mean of those that it covers: Pillow's `BOX`, columns first, rounded twice.
 * @param {Uint8Array} plane
 * @param {{height: number, width: number}} size Of the plane.
 * @param {{height: number, width: number}} smaller
 */
export function shrink(plane, size, smaller) {
  const across = boxes(size.width, smaller.width);
  const narrow = new Uint8Array(size.height * smaller.width);
  for (let r = 0; r < size.height; r++) {
    across.forEach((box, c) => (narrow[r * smaller.width + c] = mean(plane, r * size.width, 1, box)));
  }
  const out = new Uint8Array(smaller.height * smaller.width);
  boxes(size.height, smaller.height).forEach((box, r) => {
    for (let c = 0; c < smaller.width; c++) out[r * smaller.width + c] = mean(narrow, c, smaller.width, box);
  });
  return out;
}

/** @typedef {{first: number, weights: number[]}} Box */

/**
 * The values that each of `to` values covers of `from`, and their weights.
 * @param {number} from
 * @param {number} to
 * @returns {Box[]}
 */
function boxes(from, to) {
  const scale = from / to;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - 0.5 * scale + 0.5));
    const end = Math.min(from, Math.trunc(centre + 0.5 * scale + 0.5));
    const inside = Array.from({ length: end - first }, (_, k) => {
      const away = (k + first - centre + 0.5) / scale;
      return away > -0.5 && away <= 0.5 ? 1 : 0;
    });
    const sum = inside.reduce((/** @type {number} */ total, weight) => total + weight, 0);
    return { first, weights: inside.map((weight) => Math.trunc(0.5 + (weight / sum) * 2 ** PRECISION)) };
  });
}

/**
 * @param {Uint8Array} values
 * @param {number} start
 * @param {number} step
 * @param {Box} box
 */
function mean(values, start, step, { first, weights }) {
  let sum = 2 ** (PRECISION - 1);
  weights.forEach((weight, k) => (sum += weight * values[start + (first + k) * step]));
  return Math.min(255, Math.floor(sum / 2 ** PRECISION));
}
