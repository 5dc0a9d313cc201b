// The maps of shapes, from the beginning of a stream. docs/FORMAT.md, "The shapes' stream".

/** @typedef {import("../entropy/range_decoder.js").RangeDecoder} RangeDecoder */
/** @typedef {import("../entropy/tables.js").Table} Table */
/** @typedef {import("./symbols.js").Frame} Frame */

const WHOLE = 3; // shapes from this number on cover a quadrant
const OUTSIDE_TILE = 4;
const OUTSIDE = 7;

/**
 * Values on a grid that are known up to some diagonal; `outside` stands in a row and a column before it. first: the
 * value that entry 0 of a table stands for.
 * @typedef {{values: Uint8Array, rows: number, columns: number, first: number}} Grid
 */

/**
 * Reads the maps of luma and chroma, (2, 2 rows, 2 columns); grey pictures' chroma is undivided.
 * @param {RangeDecoder} decoder
 * @param {Table[][]} tables By context, of tiles and of quadrants.
 * @param {Frame} frame
 */
export function readShapes(decoder, tables, frame) {
  const { rows, columns, stepIndex, grey } = frame;
  const bucket = Math.min(7, Math.floor(stepIndex / 100));
  const maps = new Uint8Array(2 * 4 * rows * columns);
  /** @type {Grid | null} */
  let luma = null;
  for (let number = 0; number < (grey ? 1 : 2); number++) {
    const plane = readPlane(decoder, tables, { rows, columns, bucket }, luma);
    maps.set(withoutMargin(plane), number * 4 * rows * columns);
    luma = plane;
  }
  return maps;
}

/**
 * Reads one map: the classes of all tiles, then the shapes of the quadrants of divided ones.
 * @param {RangeDecoder} decoder
 * @param {Table[][]} tables
 * @param {{rows: number, columns: number, bucket: number}} where
 * @param {Grid | null} luma The map of luma, if this is chroma's.
 */
function readPlane(decoder, tables, { rows, columns, bucket }, luma) {
  const classes = makeGrid(rows, columns, OUTSIDE_TILE, 0);
  const all = Array.from({ length: rows * columns }, (_, i) => i);
  readGrid(decoder, tables[0], classes, all, ({ r, c }, left, above) => {
    const beside = luma ? 1 + Math.min(at(luma, 2 * r, 2 * c), WHOLE) : 0;
    return ((bucket * 5 + left) * 5 + above) * 5 + beside;
  });
  const shapes = makeGrid(2 * rows, 2 * columns, OUTSIDE, WHOLE);
  const divided = [];
  for (let i = 0; i < 4 * rows * columns; i++) {
    const [r, c] = [Math.floor(i / (2 * columns)), i % (2 * columns)];
    const own = at(classes, r >> 1, c >> 1);
    if (own === WHOLE) divided.push(i);
    else shapes.values[place(shapes, r, c)] = own;
  }
  const coarse = Math.min(2, Math.floor(bucket / 3));
  readGrid(decoder, tables[1], shapes, divided, ({ r, c }, left, above) => {
    return ((coarse * 8 + left) * 8 + above) * 8 + (luma ? at(luma, r, c) : OUTSIDE);
  });
  return shapes;
}

/**
 * Reads values of some places a diagonal at a time; within a diagonal by context, rising.
 * @param {RangeDecoder} decoder
 * @param {Table[]} tables By context.
 * @param {Grid} grid
 * @param {number[]} places Flat, in raster order.
 * @param {(place: {r: number, c: number}, left: number, above: number) => number} context
 */
function readGrid(decoder, tables, grid, places, context) {
  for (const diagonal of diagonals(grid, places)) {
    const events = diagonal.map(({ r, c }) => {
      const here = place(grid, r, c);
      return { here, context: context({ r, c }, grid.values[here - 1], grid.values[here - grid.columns - 1]) };
    });
    events.sort((a, b) => a.context - b.context); // stable
    for (const event of events) grid.values[event.here] = grid.first + decoder.read(tables[event.context], 1)[0];
  }
}

/**
 * Returns places by diagonal r + c, each with r rising.
 * @param {Grid} grid
 * @param {number[]} places
 */
function diagonals({ rows, columns }, places) {
  /** @type {{r: number, c: number}[][]} */
  const lines = Array.from({ length: rows + columns - 1 }, () => []);
  for (const i of places) {
    const [r, c] = [Math.floor(i / columns), i % columns];
    lines[r + c].push({ r, c });
  }
  return lines;
}

/**
 * @param {number} rows
 * @param {number} columns
 * @param {number} outside
 * @param {number} first
 * @returns {Grid}
 */
function makeGrid(rows, columns, outside, first) {
  return { values: new Uint8Array((rows + 1) * (columns + 1)).fill(outside), rows, columns, first };
}

/**
 * Where a place lies among the values of a grid.
 * @param {Grid} grid
 * @param {number} r
 * @param {number} c
 */
function place(grid, r, c) {
  return (r + 1) * (grid.columns + 1) + c + 1;
}

/**
 * @param {Grid} grid
 * @param {number} r
 * @param {number} c
 */
function at(grid, r, c) {
  return grid.values[place(grid, r, c)];
}

/** @param {Grid} grid */
function withoutMargin(grid) {
  const own = new Uint8Array(grid.rows * grid.columns);
  for (let r = 0; r < grid.rows; r++) {
    const start = place(grid, r, 0);
    own.set(grid.values.subarray(start, start + grid.columns), r * grid.columns);
  }
  return own;
}
