// Coefficients to pixels, tile by tile, by the DCT blocks that the maps of shapes name. docs/FORMAT.md, "Blocks and
// places".

/** Rows and columns of the blocks of each shape, and the side of the region that they tile. */
const SHAPES = [
  [32, 32, 32], [16, 32, 32], [32, 16, 32], [16, 16, 16], [8, 8, 16], [8, 16, 16], [16, 8, 16],
];
const WHOLE = 3; // shapes from this number on cover a quadrant
const ROOT_HALF = Math.sqrt(0.5);
/** @type {Map<number, Float64Array>} */
const MATRICES = new Map();

/**
 * Turns the coefficients of a tile's channel into pixels, in place.
 * @param {Float64Array} tile size x size, the places below `size` of a tile.
 * @param {number} size 32, or below for a thumbnail: 16, 8, 4, 2, 1.
 * @param {number[]} shapes Of the four quadrants.
 */
export function toPixels(tile, size, shapes) {
  if (size > 1) {
    if (shapes[0] < WHOLE) backRegion(tile, size, shapes[0]);
    else backQuadrants(tile, size, shapes);
  }
  const factor = size / 32;
  for (let i = 0; i < tile.length; i++) tile[i] *= factor;
}

/**
 * Undoes the transform of a tile of quadrants.
 * @param {Float64Array} tile
 * @param {number} size
 * @param {number[]} shapes
 */
function backQuadrants(tile, size, shapes) {
  mend(tile, size, true, true);
  const half = size / 2;
  const quadrants = shapes.map((shape, number) => {
    const own = new Float64Array(half * half);
    const first = (number >> 1) * size + (number & 1);
    for (let i = 0; i < own.length; i++) own[i] = tile[first + 2 * (Math.floor(i / half) * size + (i % half))];
    if (half > 1) backRegion(own, half, shape);
    return own;
  });
  quadrants.forEach((own, number) => {
    const first = (number >> 1) * half * size + (number & 1) * half;
    for (let r = 0; r < half; r++) tile.set(own.subarray(r * half, (r + 1) * half), first + r * size);
  });
}

/**
 * Undoes the transform of a region's blocks of one shape.
 * @param {Float64Array} region side x side
 * @param {number} side
 * @param {number} shape
 */
function backRegion(region, side, shape) {
  const [rows, columns, whole] = SHAPES[shape];
  mend(region, side, rows < whole, columns < whole);
  const line = new Float64Array(side);
  for (let r = 0; r < side; r++) backLine(region, { first: r * side, step: 1, side }, (columns * side) / whole, line);
  for (let c = 0; c < side; c++) backLine(region, { first: c, step: side, side }, (rows * side) / whole, line);
}

/**
 * Undoes the DCTs of `size` along a line, whose places are interleaved by block.
 * @param {Float64Array} region
 * @param {{first: number, step: number, side: number}} where
 * @param {number} size
 * @param {Float64Array} line Room for one.
 */
function backLine(region, { first, step, side }, size, line) {
  if (size === 1) return;
  const matrix = dctMatrix(size);
  const blocks = side / size;
  line.fill(0);
  for (let place = 0; place < side; place++) {
    const value = region[first + place * step];
    if (!value) continue; // most are
    const row = Math.floor(place / blocks) * size;
    const from = (place % blocks) * size;
    for (let p = 0; p < size; p++) line[from + p] += matrix[row + p] * value;
  }
  for (let place = 0; place < side; place++) region[first + place * step] = line[place];
}

/**
 * Sums and differences in the corner 2 x 2, along the axes that have two blocks; its own inverse.
 * @param {Float64Array} x side x side
 * @param {number} side
 * @param {boolean} down
 * @param {boolean} across
 */
function mend(x, side, down, across) {
  const pairs = [...(down ? [[0, side], [1, side + 1]] : []), ...(across ? [[0, 1], [side, side + 1]] : [])];
  for (const [i, j] of pairs) {
    const [a, b] = [x[i], x[j]];
    x[i] = (a + b) * ROOT_HALF;
    x[j] = (a - b) * ROOT_HALF;
  }
}

/**
 * The orthonormal DCT-II matrix, rows are frequencies.
 * @param {number} size
 */
function dctMatrix(size) {
  let matrix = MATRICES.get(size);
  if (!matrix) {
    matrix = Float64Array.from({ length: size * size }, (_, i) => {
      const [n, p] = [Math.floor(i / size), i % size];
      return Math.cos((Math.PI * (2 * p + 1) * n) / (2 * size)) * Math.sqrt((n ? 2 : 1) / size);
    });
    MATRICES.set(size, matrix);
  }
  return matrix;
}
