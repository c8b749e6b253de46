/** A set of page numbers as runs, in order and apart from each other: which pages of a file are not holes. */
export class PageSet {
  #runs: { readonly start: number; readonly end: number }[] = [];

  /** Pages in it. */
  get size(): number {
    return this.#runs.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  /** Adds the pages from `start` up to, but not including, `end`. */
  add(start: number, end: number): void {
    if (start >= end) return;
    const touching = this.#runs.filter((run) => run.start <= end && run.end >= start);
    const from = Math.min(start, ...touching.map((run) => run.start));
    const to = Math.max(end, ...touching.map((run) => run.end));
    if (touching.length === 1 && touching[0]?.start === from && touching[0].end === to) return;
    this.#runs = [...this.#runs.filter((run) => run.end < start), { start: from, end: to }, ...this.#runs.filter((run) => run.start > end)];
  }

  remove(start: number, end: number): void {
    if (start >= end) return;
    this.#runs = this.#runs.flatMap((run) => {
      if (run.end <= start || run.start >= end) return [run];
      return [
        { start: run.start, end: start },
        { start: end, end: run.end },
      ].filter((part) => part.start < part.end);
    });
  }

  /** The first page in it from a page on. */
  next(page: number): number | undefined {
    const run = this.#runs.find(({ end }) => end > page);
    return run === undefined ? undefined : Math.max(run.start, page);
  }

  /** The first page not in it from a page on. */
  nextGap(page: number): number {
    return this.#runs.find(({ start, end }) => start <= page && page < end)?.end ?? page;
  }
}
