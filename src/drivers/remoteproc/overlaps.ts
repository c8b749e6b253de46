/** Something that takes up memory. Spaces in which nobody knows where it is are undefined. */
export interface Placed {
  readonly name: string;
  /** `shared` is a region of rings or buffers. Segments and traces may lie within a plain region, but not over rings and buffers. */
  readonly kind: 'region' | 'shared' | 'segment' | 'trace' | 'buffers';
  readonly da: number | undefined;
  readonly pa: number | undefined;
  readonly va: bigint | undefined;
  /** In bytes. */
  readonly len: number;
}

export interface Overlap {
  readonly one: string;
  readonly other: string;
  /** In which address spaces. */
  readonly spaces: readonly ('da' | 'pa' | 'va')[];
}

function meet(one: number | bigint | undefined, oneLength: number, other: number | bigint | undefined, otherLength: number): boolean {
  if (one === undefined || other === undefined || oneLength === 0 || otherLength === 0) return false;
  const [from, to] = [BigInt(one), BigInt(other)];
  return from < to + BigInt(otherLength) && to < from + BigInt(oneLength);
}

/** Whether one may lie within the other by what they are. */
function isWithinRights(one: Placed, other: Placed): boolean {
  const kinds = [one.kind, other.kind];
  const has = (kind: Placed['kind']) => kinds.includes(kind);
  if (has('buffers')) return has('shared') || has('region');
  if (has('segment')) return has('region') || has('trace');
  return has('trace') && has('region');
}

/** Each pair that lies over each other and should not. */
export function overlapsOf(all: readonly Placed[]): Overlap[] {
  const found: Overlap[] = [];
  for (const [index, one] of all.entries())
    for (const other of all.slice(index + 1)) {
      if (isWithinRights(one, other)) continue;
      const spaces = (['da', 'pa', 'va'] as const).filter((space) => meet(one[space], one.len, other[space], other.len));
      if (spaces.length > 0) found.push({ one: one.name, other: other.name, spaces });
    }
  return found;
}
