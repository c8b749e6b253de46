import type { BootProgramMachine } from './program-calls.ts';

/** One script over several variants of a design, with the same seed. */
export interface Experiment {
  readonly name: string;
  /** One line for people. */
  readonly description: string;
  /** @param boot for what has programs */
  run(seed: number, boot: BootProgramMachine): Comparison;
}

/** What came of it: a column for each variant, a row for each question. */
export interface Comparison {
  readonly variants: readonly string[];
  readonly rows: readonly { readonly question: string; readonly answers: readonly string[] }[];
}

/** As a table of Markdown. */
export function formatComparison({ variants, rows }: Comparison): string {
  const lines = [['', ...variants], ...rows.map(({ question, answers }) => [question, ...answers])];
  const widths = lines[0]?.map((_, column) => Math.max(3, ...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  const row = (cells: readonly string[], fill = ' ') =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0, fill)).join(' | ')} |\n`;
  const [head = [], ...body] = lines;
  return (
    row(head) +
    row(
      head.map(() => ''),
      '-',
    ) +
    body.map((line) => row(line)).join('')
  );
}
