import { experiments, formatComparison } from '../../experiments/index.ts';
import { boot } from '../boot.ts';
import { Refusal } from './program.ts';

export interface ExperimentOptions {
  readonly seed: number;
  readonly json?: boolean;
}

export function listExperiments(): void {
  for (const { name, description } of Object.values(experiments)) console.log(`${name}\t${description}`);
}

/** @throws Refusal when there is no such experiment */
export function runExperiment(name: string, { seed, json }: ExperimentOptions): void {
  const experiment = Object.hasOwn(experiments, name) ? experiments[name] : undefined;
  if (experiment === undefined) throw new Refusal(`no experiment "${name}"; there are ${Object.keys(experiments).join(', ')}`);
  const comparison = experiment.run(seed, boot);
  process.stdout.write(json === true ? `${JSON.stringify({ name, seed, ...comparison }, undefined, 2)}\n` : formatComparison(comparison));
}
