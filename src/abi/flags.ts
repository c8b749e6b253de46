/** How the bits of a flag word are called. */
export interface FlagNames {
  /** Fields of several bits with a name for each value: `[mask, { O_RDONLY: 0, O_WRONLY: 1 }]`. */
  readonly fields?: readonly (readonly [mask: number, names: Readonly<Record<string, number>>])[];
  /** Single flags; of overlapping ones the first that fits wins. */
  readonly bits?: Readonly<Record<string, number>>;
}

/** Makes a function that writes a flag word as `O_RDWR|O_CLOEXEC`, what has no name in hexadecimal, and nothing as `0`. */
export function flagFormatter({ fields = [], bits = {} }: FlagNames): (value: number) => string {
  return (value) => {
    const parts: string[] = [];
    // Arithmetic instead of 32-bit operators: a word may have 64 bits.
    let rest = value;
    for (const [mask, names] of fields) {
      const field = (value & mask) >>> 0;
      const name = Object.keys(names).find((candidate) => names[candidate] === field);
      if (name === undefined) continue;
      parts.push(name);
      rest -= field;
    }
    for (const [name, bit] of Object.entries(bits)) {
      if (bit !== 0 && (rest & bit) >>> 0 === bit) {
        parts.push(name);
        rest -= bit;
      }
    }
    if (rest !== 0 || parts.length === 0) parts.push(rest === 0 ? '0' : `0x${rest.toString(16)}`);
    return parts.join('|');
  };
}
