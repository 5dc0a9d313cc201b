;; What JavaScript is too slow for: sums of products of 16-bit integers, and two things that compute with words of 64
;; bits, the range decoder and Philox. All of it is exact. `kernel.js` is the door to it.
(module
  (memory (export "memory") 1)

  ;; Adds products of rows of inputs and weights to rows of sums.
  ;; inputs: `rows` rows of i16, `stride` bytes apart, of which 2 `pairs` count. weights: for each of `blocks` blocks of
  ;; eight outputs, for each pair of inputs, the two weights of output 0, those of output 1, and so on, i16.
  ;; sums: `rows` rows of 8 `blocks` i32.
  (func (export "accumulate")
    (param $inputs i32) (param $stride i32) (param $weights i32) (param $pairs i32)
    (param $sums i32) (param $rows i32) (param $blocks i32)
    (local $row_bytes i32) (local $block_bytes i32) (local $left i32) (local $sum i32)
    (local $w i32) (local $end i32) (local $x i32) (local $x0 i32) (local $x1 i32) (local $x2 i32) (local $x3 i32)
    (local $w0 v128) (local $w1 v128) (local $v v128)
    (local $a0 v128) (local $a1 v128) (local $b0 v128) (local $b1 v128)
    (local $c0 v128) (local $c1 v128) (local $d0 v128) (local $d1 v128)
    (local $s1 i32) (local $s2 i32) (local $s3 i32)
    (local.set $row_bytes (i32.shl (local.get $blocks) (i32.const 5)))
    (local.set $block_bytes (i32.shl (local.get $pairs) (i32.const 5)))
    (block $done (loop $next_block
      (br_if $done (i32.eqz (local.get $blocks)))
      (local.set $x (local.get $inputs))
      (local.set $sum (local.get $sums))
      (local.set $left (local.get $rows))
      (local.set $end (i32.add (local.get $weights) (local.get $block_bytes)))

      ;; four rows at once, so that a weight is loaded once for four products
      (block $few (loop $next_rows
        (br_if $few (i32.lt_u (local.get $left) (i32.const 4)))
        (local.set $s1 (i32.add (local.get $sum) (local.get $row_bytes)))
        (local.set $s2 (i32.add (local.get $s1) (local.get $row_bytes)))
        (local.set $s3 (i32.add (local.get $s2) (local.get $row_bytes)))
        (local.set $a0 (v128.load (local.get $sum)))
        (local.set $a1 (v128.load offset=16 (local.get $sum)))
        (local.set $b0 (v128.load (local.get $s1)))
        (local.set $b1 (v128.load offset=16 (local.get $s1)))
        (local.set $c0 (v128.load (local.get $s2)))
        (local.set $c1 (v128.load offset=16 (local.get $s2)))
        (local.set $d0 (v128.load (local.get $s3)))
        (local.set $d1 (v128.load offset=16 (local.get $s3)))
        (local.set $x0 (local.get $x))
        (local.set $x1 (i32.add (local.get $x0) (local.get $stride)))
        (local.set $x2 (i32.add (local.get $x1) (local.get $stride)))
        (local.set $x3 (i32.add (local.get $x2) (local.get $stride)))
        (local.set $x (i32.add (local.get $x3) (local.get $stride)))
        (local.set $w (local.get $weights))
        (loop $next_pair
          (local.set $w0 (v128.load (local.get $w)))
          (local.set $w1 (v128.load offset=16 (local.get $w)))
          (local.set $v (v128.load32_splat (local.get $x0)))
          (local.set $a0 (i32x4.add (local.get $a0) (i32x4.dot_i16x8_s (local.get $w0) (local.get $v))))
          (local.set $a1 (i32x4.add (local.get $a1) (i32x4.dot_i16x8_s (local.get $w1) (local.get $v))))
          (local.set $v (v128.load32_splat (local.get $x1)))
          (local.set $b0 (i32x4.add (local.get $b0) (i32x4.dot_i16x8_s (local.get $w0) (local.get $v))))
          (local.set $b1 (i32x4.add (local.get $b1) (i32x4.dot_i16x8_s (local.get $w1) (local.get $v))))
          (local.set $v (v128.load32_splat (local.get $x2)))
          (local.set $c0 (i32x4.add (local.get $c0) (i32x4.dot_i16x8_s (local.get $w0) (local.get $v))))
          (local.set $c1 (i32x4.add (local.get $c1) (i32x4.dot_i16x8_s (local.get $w1) (local.get $v))))
          (local.set $v (v128.load32_splat (local.get $x3)))
          (local.set $d0 (i32x4.add (local.get $d0) (i32x4.dot_i16x8_s (local.get $w0) (local.get $v))))
          (local.set $d1 (i32x4.add (local.get $d1) (i32x4.dot_i16x8_s (local.get $w1) (local.get $v))))
          (local.set $x0 (i32.add (local.get $x0) (i32.const 4)))
          (local.set $x1 (i32.add (local.get $x1) (i32.const 4)))
          (local.set $x2 (i32.add (local.get $x2) (i32.const 4)))
          (local.set $x3 (i32.add (local.get $x3) (i32.const 4)))
          (local.set $w (i32.add (local.get $w) (i32.const 32)))
          (br_if $next_pair (i32.lt_u (local.get $w) (local.get $end))))
        (v128.store (local.get $sum) (local.get $a0))
        (v128.store offset=16 (local.get $sum) (local.get $a1))
        (v128.store (local.get $s1) (local.get $b0))
        (v128.store offset=16 (local.get $s1) (local.get $b1))
        (v128.store (local.get $s2) (local.get $c0))
        (v128.store offset=16 (local.get $s2) (local.get $c1))
        (v128.store (local.get $s3) (local.get $d0))
        (v128.store offset=16 (local.get $s3) (local.get $d1))
        (local.set $sum (i32.add (local.get $s3) (local.get $row_bytes)))
        (local.set $left (i32.sub (local.get $left) (i32.const 4)))
        (br $next_rows)))

      ;; the last rows, one by one
      (block $none (loop $next_row
        (br_if $none (i32.eqz (local.get $left)))
        (local.set $a0 (v128.load (local.get $sum)))
        (local.set $a1 (v128.load offset=16 (local.get $sum)))
        (local.set $x0 (local.get $x))
        (local.set $w (local.get $weights))
        (loop $next_pair
          (local.set $v (v128.load32_splat (local.get $x0)))
          (local.set $a0 (i32x4.add (local.get $a0)
            (i32x4.dot_i16x8_s (v128.load (local.get $w)) (local.get $v))))
          (local.set $a1 (i32x4.add (local.get $a1)
            (i32x4.dot_i16x8_s (v128.load offset=16 (local.get $w)) (local.get $v))))
          (local.set $x0 (i32.add (local.get $x0) (i32.const 4)))
          (local.set $w (i32.add (local.get $w) (i32.const 32)))
          (br_if $next_pair (i32.lt_u (local.get $w) (local.get $end))))
        (v128.store (local.get $sum) (local.get $a0))
        (v128.store offset=16 (local.get $sum) (local.get $a1))
        (local.set $x (i32.add (local.get $x) (local.get $stride)))
        (local.set $sum (i32.add (local.get $sum) (local.get $row_bytes)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next_row)))

      (local.set $weights (local.get $end))
      (local.set $sums (i32.add (local.get $sums) (i32.const 32)))
      (local.set $blocks (i32.sub (local.get $blocks) (i32.const 1)))
      (br $next_block))))

  ;; Decodes `count` entries of one table into i32 at `out`; returns 1 for data that no encoder writes, else 0.
  ;; state: range u64, offset u64, number of the next word u32, how many words there are u32, where they lie u32.
  ;; starts: u32, where each of `entries` entries starts in 0..2^24, then 2^24.
  (func (export "decode")
    (param $state i32) (param $starts i32) (param $entries i32) (param $out i32) (param $count i32) (result i32)
    (local $range i64) (local $offset i64) (local $unit i64) (local $place i64) (local $start i64)
    (local $entry i32) (local $above i32) (local $middle i32) (local $refused i32)
    (local.set $range (i64.load (local.get $state)))
    (local.set $offset (i64.load offset=8 (local.get $state)))
    (block $done (loop $next
      (br_if $done (i32.eqz (local.get $count)))
      (local.set $unit (i64.shr_u (local.get $range) (i64.const 24)))
      (local.set $place (i64.div_u (local.get $offset) (local.get $unit)))
      (if (i64.ge_u (local.get $place) (i64.const 0x1000000))
        (then (local.set $refused (i32.const 1)) (br $done)))

      ;; the entry with start <= place < start of the next
      (local.set $entry (i32.const 0))
      (local.set $above (local.get $entries))
      (block $one (loop $halve
        (br_if $one (i32.le_u (i32.sub (local.get $above) (local.get $entry)) (i32.const 1)))
        (local.set $middle (i32.shr_u (i32.add (local.get $entry) (local.get $above)) (i32.const 1)))
        (if (i32.le_u
            (i32.load (i32.add (local.get $starts) (i32.shl (local.get $middle) (i32.const 2))))
            (i32.wrap_i64 (local.get $place)))
          (then (local.set $entry (local.get $middle)))
          (else (local.set $above (local.get $middle))))
        (br $halve)))
      (i32.store (local.get $out) (local.get $entry))
      (local.set $middle (i32.add (local.get $starts) (i32.shl (local.get $entry) (i32.const 2))))
      (local.set $start (i64.load32_u (local.get $middle)))
      (local.set $offset (i64.sub (local.get $offset) (i64.mul (local.get $unit) (local.get $start))))
      (local.set $range
        (i64.mul (local.get $unit) (i64.sub (i64.load32_u offset=4 (local.get $middle)) (local.get $start))))
      (if (i64.lt_u (local.get $range) (i64.const 0x100000000))
        (then
          (local.set $range (i64.shl (local.get $range) (i64.const 32)))
          (local.set $offset
            (i64.or (i64.shl (local.get $offset) (i64.const 32)) (call $next_word (local.get $state))))))
      (local.set $out (i32.add (local.get $out) (i32.const 4)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $next)))
    (i64.store (local.get $state) (local.get $range))
    (i64.store offset=8 (local.get $state) (local.get $offset))
    (local.get $refused))

  ;; Takes the next word of a stream; there are zeros for ever after its end.
  (func $next_word (param $state i32) (result i64)
    (local $number i32)
    (local.set $number (i32.load offset=16 (local.get $state)))
    (i32.store offset=16 (local.get $state) (i32.add (local.get $number) (i32.const 1)))
    (if (result i64) (i32.lt_u (local.get $number) (i32.load offset=20 (local.get $state)))
      (then (i64.load32_u
        (i32.add (i32.load offset=24 (local.get $state)) (i32.shl (local.get $number) (i32.const 2)))))
      (else (i64.const 0))))

  ;; Writes numbers above 0 and below 1, four f64 for each of `count` blocks of Philox4x64-10, from counter (`block`, 0,
  ;; 0, 0) on: of every word the upper 52 bits and a half, over 2^52. docs/FORMAT.md, "Random numbers".
  (func (export "uniforms") (param $seed i64) (param $number i64) (param $block i64) (param $out i32) (param $count i32)
    (local $c0 i64) (local $c1 i64) (local $c2 i64) (local $c3 i64) (local $k0 i64) (local $k1 i64)
    (local $p0 i64) (local $p2 i64) (local $h2 i64) (local $round i32)
    (block $done (loop $next
      (br_if $done (i32.eqz (local.get $count)))
      (local.set $c0 (local.get $block))
      (local.set $c1 (i64.const 0))
      (local.set $c2 (i64.const 0))
      (local.set $c3 (i64.const 0))
      (local.set $k0 (local.get $seed))
      (local.set $k1 (local.get $number))
      (local.set $round (i32.const 10))
      (loop $mix
        (local.set $p0 (i64.mul (local.get $c0) (i64.const 0xD2E7470EE14C6C93)))
        (local.set $p2 (i64.mul (local.get $c2) (i64.const 0xCA5A826395121157)))
        (local.set $h2 (call $high (local.get $c2) (i64.const 0xCA5A826395121157)))
        (local.set $c2
          (i64.xor (call $high (local.get $c0) (i64.const 0xD2E7470EE14C6C93))
            (i64.xor (local.get $c3) (local.get $k1))))
        (local.set $c0 (i64.xor (local.get $h2) (i64.xor (local.get $c1) (local.get $k0))))
        (local.set $c1 (local.get $p2))
        (local.set $c3 (local.get $p0))
        (local.set $k0 (i64.add (local.get $k0) (i64.const 0x9E3779B97F4A7C15)))
        (local.set $k1 (i64.add (local.get $k1) (i64.const 0xBB67AE8584CAA73B)))
        (local.set $round (i32.sub (local.get $round) (i32.const 1)))
        (br_if $mix (local.get $round)))
      (f64.store (local.get $out) (call $uniform (local.get $c0)))
      (f64.store offset=8 (local.get $out) (call $uniform (local.get $c1)))
      (f64.store offset=16 (local.get $out) (call $uniform (local.get $c2)))
      (f64.store offset=24 (local.get $out) (call $uniform (local.get $c3)))
      (local.set $out (i32.add (local.get $out) (i32.const 32)))
      (local.set $block (i64.add (local.get $block) (i64.const 1)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $next))))

  (func $uniform (param $word i64) (result f64)
    (f64.mul
      (f64.add (f64.convert_i64_u (i64.shr_u (local.get $word) (i64.const 12))) (f64.const 0.5))
      (f64.const 0x1p-52)))

  ;; The upper 64 bits of a product of 128.
  (func $high (param $a i64) (param $b i64) (result i64)
    (local $a0 i64) (local $a1 i64) (local $b0 i64) (local $b1 i64) (local $middle i64) (local $other i64)
    (local.set $a0 (i64.and (local.get $a) (i64.const 0xFFFFFFFF)))
    (local.set $a1 (i64.shr_u (local.get $a) (i64.const 32)))
    (local.set $b0 (i64.and (local.get $b) (i64.const 0xFFFFFFFF)))
    (local.set $b1 (i64.shr_u (local.get $b) (i64.const 32)))
    (local.set $middle (i64.add (i64.mul (local.get $a1) (local.get $b0))
      (i64.shr_u (i64.mul (local.get $a0) (local.get $b0)) (i64.const 32))))
    (local.set $other (i64.add (i64.mul (local.get $a0) (local.get $b1))
      (i64.and (local.get $middle) (i64.const 0xFFFFFFFF))))
    (i64.add (i64.mul (local.get $a1) (local.get $b1))
      (i64.add (i64.shr_u (local.get $middle) (i64.const 32)) (i64.shr_u (local.get $other) (i64.const 32))))))
