/**
 * Numbers as HCL has them: exact, not the floating point of the machine, so that `0.1 + 0.2` is `0.3` and big integers keep
 * their last digit. A fraction in lowest terms; what grows beyond reason is rounded to 512 bits, which is HCL's precision.
 */
export interface ExactNumber {
  readonly numerator: bigint;
  /** Positive. */
  readonly denominator: bigint;
}

const PRECISION_BITS = 512n;
const LARGEST_BITS = 2048;

export const ZERO: ExactNumber = { numerator: 0n, denominator: 1n };
export const ONE: ExactNumber = { numerator: 1n, denominator: 1n };

function greatestDivisor(left: bigint, right: bigint): bigint {
  let [a, b] = [left < 0n ? -left : left, right];
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

function bitsOf(value: bigint): number {
  return value.toString(16).length * 4;
}

/** In lowest terms. @param denominator Not 0. */
export function fraction(numerator: bigint, denominator: bigint): ExactNumber {
  const sign = denominator < 0n ? -1n : 1n;
  const divisor = greatestDivisor(numerator, denominator * sign) || 1n;
  const top = (numerator * sign) / divisor;
  const bottom = (denominator * sign) / divisor;
  if (bitsOf(top) <= LARGEST_BITS && bitsOf(bottom) <= LARGEST_BITS) {
    return { numerator: top, denominator: bottom };
  }
  const spare = BigInt(bitsOf(top) - bitsOf(bottom)) - PRECISION_BITS;
  return spare > 0n
    ? { numerator: (top / (bottom << spare)) << spare, denominator: 1n }
    : fraction((top << -spare) / bottom, 1n << -spare);
}

export function integer(value: bigint | number): ExactNumber {
  return { numerator: BigInt(value), denominator: 1n };
}

/** @returns Undefined for a text that is no decimal number. */
export function tryParseExact(text: string): ExactNumber | undefined {
  const match = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/.exec(text);
  if (!match) return undefined;
  const [, sign = "", whole = "", decimals = "", exponent = "0"] = match;
  const power = Number(exponent) - decimals.length;
  const digits = BigInt(`${whole}${decimals}`) * (sign === "-" ? -1n : 1n);
  return power >= 0
    ? fraction(digits * 10n ** BigInt(power), 1n)
    : fraction(digits, 10n ** BigInt(-power));
}

/** What a floating-point number is written as. @param value Finite. */
export function exactOf(value: number): ExactNumber {
  if (Number.isSafeInteger(value)) return integer(value);
  let [scaled, bits] = [Math.abs(value), 0n];
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    bits++;
  }
  const digits = shortestDecimal(BigInt(scaled), 1n << bits, 53n);
  return tryParseExact(value < 0 ? `-${digits}` : digits) ?? ZERO;
}

export function add(left: ExactNumber, right: ExactNumber): ExactNumber {
  return fraction(
    left.numerator * right.denominator + right.numerator * left.denominator,
    left.denominator * right.denominator,
  );
}

export function negate({ numerator, denominator }: ExactNumber): ExactNumber {
  return { numerator: -numerator, denominator };
}

export function subtract(left: ExactNumber, right: ExactNumber): ExactNumber {
  return add(left, negate(right));
}

export function multiply(left: ExactNumber, right: ExactNumber): ExactNumber {
  return fraction(left.numerator * right.numerator, left.denominator * right.denominator);
}

/** @param right Not 0. */
export function divide(left: ExactNumber, right: ExactNumber): ExactNumber {
  return fraction(left.numerator * right.denominator, left.denominator * right.numerator);
}

/** What is left of a division whose result is rounded towards 0. @param right Not 0. */
export function remainder(left: ExactNumber, right: ExactNumber): ExactNumber {
  const whole = truncate(divide(left, right));
  return subtract(left, multiply(whole, right));
}

export function compare(left: ExactNumber, right: ExactNumber): number {
  const difference = left.numerator * right.denominator - right.numerator * left.denominator;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export function truncate({ numerator, denominator }: ExactNumber): ExactNumber {
  return integer(numerator / denominator);
}

export function floor(value: ExactNumber): ExactNumber {
  const whole = truncate(value);
  return compare(whole, value) > 0 ? subtract(whole, ONE) : whole;
}

export function ceil(value: ExactNumber): ExactNumber {
  return negate(floor(negate(value)));
}

export function isInteger({ denominator }: ExactNumber): boolean {
  return denominator === 1n;
}

export function toNumber({ numerator, denominator }: ExactNumber): number {
  return denominator === 1n ? Number(numerator) : Number(formatExact({ numerator, denominator }));
}

/** The fewest decimal digits that tell the number from its neighbours of 512 bits; no exponent. */
export function formatExact({ numerator, denominator }: ExactNumber): string {
  if (denominator === 1n) return String(numerator);
  const sign = numerator < 0n ? "-" : "";
  const absolute = numerator < 0n ? -numerator : numerator;
  return `${sign}${shortestDecimal(absolute, denominator, PRECISION_BITS)}`;
}

/** @param numerator Positive. */
function shortestDecimal(numerator: bigint, denominator: bigint, precision: bigint): string {
  // as mantissa / 2^shift, the mantissa having all bits of the precision
  let shift = precision - BigInt(numerator.toString(2).length - denominator.toString(2).length);
  let mantissa = shiftedQuotient(numerator, denominator, shift);
  if (mantissa >> precision !== 0n) {
    shift--;
    mantissa = shiftedQuotient(numerator, denominator, shift);
  }
  if (shift < 0n) return shortestInteger(mantissa, -shift);
  const scale = 1n << (shift + 1n);
  const [lower, exact, upper] = [2n * mantissa - 1n, 2n * mantissa, 2n * mantissa + 1n];
  const includesEnds = mantissa % 2n === 0n;
  for (let digits = 0n; ; digits++) {
    const power = 10n ** digits;
    const down = (exact * power) / scale;
    const downScaled = down * scale;
    const upScaled = downScaled + scale;
    const mayDown = includesEnds ? downScaled >= lower * power : downScaled > lower * power;
    const mayUp = includesEnds ? upScaled <= upper * power : upScaled < upper * power;
    if (down === 0n && !mayUp) continue; // no digit that says anything yet
    if (!mayDown && !mayUp) continue;
    const isNearerUp = 2n * (exact * power - downScaled) > scale;
    const chosen = mayUp && (!mayDown || isNearerUp) ? down + 1n : down;
    return placePoint(chosen, Number(digits));
  }
}

/** `mantissa * 2^shift`, with zeros for the digits that say nothing. */
function shortestInteger(mantissa: bigint, shift: bigint): string {
  const exact = mantissa << shift;
  const half = 1n << (shift - 1n);
  const includesEnds = mantissa % 2n === 0n;
  for (let zeros = String(exact).length - 1; zeros > 0; zeros--) {
    const unit = 10n ** BigInt(zeros);
    const down = (exact / unit) * unit;
    const up = down + unit;
    const mayDown = includesEnds ? down >= exact - half : down > exact - half;
    const mayUp = includesEnds ? up <= exact + half : up < exact + half;
    if (!mayDown && !mayUp) continue;
    return String(mayUp && (!mayDown || 2n * (exact - down) > unit) ? up : down);
  }
  return String(exact);
}

function shiftedQuotient(numerator: bigint, denominator: bigint, shift: bigint): bigint {
  return shift >= 0n
    ? roundedQuotient(numerator << shift, denominator)
    : roundedQuotient(numerator, denominator << -shift);
}

function roundedQuotient(numerator: bigint, denominator: bigint): bigint {
  return (2n * numerator + denominator) / (2n * denominator);
}

function placePoint(value: bigint, digits: number): string {
  if (digits === 0) return String(value);
  const text = String(value).padStart(digits + 1, "0");
  return `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}
