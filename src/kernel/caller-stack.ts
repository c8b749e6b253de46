const FRAMES_KEPT = 3;

/** The part of the stack that is not the machine's own: the test's or the driver's lines. */
export function callerStack(): string | undefined {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 50;
  const lines = new Error().stack?.split('\n').slice(1) ?? [];
  Error.stackTraceLimit = limit;
  const own = /[/\\](src|dist)[/\\](kernel|doors|vfs|memory|dma-buf|machine)[/\\]|node:internal|node_modules|<anonymous>/;
  const outside = lines.filter((line) => !own.test(line)).slice(0, FRAMES_KEPT);
  return outside.length === 0 ? undefined : outside.map((line) => `  ${line}`).join('\n');
}
