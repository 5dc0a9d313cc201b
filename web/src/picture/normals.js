// Normal numbers that depend only on seed, latent number and place. docs/FORMAT.md, "Random numbers".
//
// The inverse of the normal distribution function is Cephes's (Moshier, `ndtri.c`): rational approximations for the
// middle and for two ranges of the tails, with a relative error of a few units of float64's last place.

/** @typedef {import("../kernel.js").Kernel} Kernel */

const TAIL = Math.exp(-2); // below it, and above 1 less it, are the tails
const FAR = 8; // of sqrt(-2 log p); from there on the farther tail
const ROOT = Math.sqrt(2 * Math.PI);

// Coefficients of numerator and denominator, highest power first.
const MIDDLE = [
  [
    -59.9633501014107895267, 98.0010754185999661536, -56.6762857469070293439, 13.9312609387279679503,
    -1.23916583867381258016,
  ],
  [
    1.0, 1.95448858338141759834, 4.67627912898881538453, 86.3602421390890590575, -225.462687854119370527,
    200.260212380060660359, -82.0372256168333339912, 15.9056225126211695515, -1.18331621121330003142,
  ],
];
const NEAR_TAIL = [
  [
    4.05544892305962419923, 31.5251094599893866154, 57.1628192246421288162, 44.0805073893200834700,
    14.6849561928858024014, 2.18663306850790267539, -0.140256079171354495875, -0.0350424626827848203418,
    -8.57456785154685413611e-4,
  ],
  [
    1.0, 15.7799883256466749731, 45.3907635128879210584, 41.3172038254672030440, 15.0425385692907503408,
    2.50464946208309415979, -0.142182922854787788574, -0.0380806407691578277194, -9.33259480895457427372e-4,
  ],
];
const FAR_TAIL = [
  [
    3.23774891776946035970, 6.91522889068984211695, 3.93881025292474443415, 1.33303460815807542389,
    0.201485389549179081538, 0.0123716634817820021358, 3.01581553508235416007e-4, 2.65806974686737550832e-6,
    6.23974539184983293730e-9,
  ],
  [
    1.0, 6.02427039364742014255, 3.67983563856160859403, 1.37702099489081330271, 0.216236993594496635890,
    0.0134204006088543189037, 3.28014464682127739104e-4, 2.89247864745380683936e-6, 6.79019408009981274425e-9,
  ],
];

/**
 * Returns the number below which a normal variable lies with probability p, above 0 and below 1.
 * @param {number} p
 */
export function quantile(p) {
  const centred = p - 0.5;
  const small = Math.min(p, 1 - p);
  if (small > TAIL) {
    const square = centred * centred;
    return (centred + centred * (square * ratio(MIDDLE, square))) * ROOT;
  }
  const x = Math.sqrt(-2 * Math.log(small));
  const inverse = 1 / x;
  const size = x - Math.log(x) / x - inverse * ratio(x >= FAR ? FAR_TAIL : NEAR_TAIL, inverse);
  return centred < 0 ? -size : size;
}

/**
 * Returns the quotient of two polynomials at x, by Horner's rule.
 * @param {number[][]} coefficients
 * @param {number} x
 */
function ratio([above, below], x) {
  let [numerator, denominator] = [0, 0];
  for (const coefficient of above) numerator = numerator * x + coefficient;
  for (const coefficient of below) denominator = denominator * x + coefficient;
  return numerator / denominator;
}

/**
 * A part of a latent: rows and columns from `top` and `left` on, of a latent with so many columns.
 * @typedef {{top: number, left: number, rows: number, columns: number, wholeColumns: number}} Part
 */

/**
 * Returns the normal numbers of a part of a latent, times a factor, by channel, row and column.
 * @param {Kernel} kernel
 * @param {{seed: bigint, number: number, channels: number}} latent
 * @param {Part} part
 * @param {number} factor
 */
export function normals(kernel, { seed, number, channels }, part, factor) {
  const out = new Float32Array(channels * part.rows * part.columns);
  for (let r = 0; r < part.rows; r++) {
    const first = ((part.top + r) * part.wholeColumns + part.left) * channels; // below 2^53
    const uniforms = uniformsFrom(kernel, seed, number, first, part.columns * channels);
    for (let c = 0, i = 0; c < part.columns; c++) {
      for (let channel = 0; channel < channels; channel++, i++) {
        out[(channel * part.rows + r) * part.columns + c] = factor * Math.fround(quantile(uniforms[i]));
      }
    }
  }
  return out;
}

/**
 * @param {Kernel} kernel
 * @param {bigint} seed
 * @param {number} number
 * @param {number} first Of the samples.
 * @param {number} count
 */
function uniformsFrom(kernel, seed, number, first, count) {
  const skip = first % 4;
  const blocks = Math.ceil((skip + count) / 4);
  const place = kernel.reserve(32 * blocks);
  kernel.uniforms(seed, BigInt(number), BigInt(Math.floor(first / 4)) + 1n, place, blocks);
  return new Float64Array(kernel.memory.buffer, place, 4 * blocks).subarray(skip, skip + count);
}
