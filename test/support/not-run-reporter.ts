import type { Reporter, TestModule } from 'vitest/node';

/** Names the tests that did not run, which needed something that this machine lacks. */
export default class NotRunReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) console.log(`not run: ${module.relativeModuleId}: ${test.fullName}`);
    }
  }
}
