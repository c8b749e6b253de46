/** What follows a processor's run state. Section 13 of docs/reference/remoteproc.md. */
import { errno, isErrno } from '../../abi/index.ts';
import { finish, type Kernel, type MaybeKernel } from '../../kernel/index.ts';
import type { Rproc } from './rproc.ts';

/** `struct rproc_subdev`. */
export interface Subdevice {
  /** For people. */
  readonly name: string;
  /** @throws Errno */
  readonly prepare?: () => MaybeKernel<void>;
  /** @throws Errno */
  readonly start?: () => MaybeKernel<void>;
  readonly stop?: (crashed: boolean) => MaybeKernel<void>;
  readonly unprepare?: () => MaybeKernel<void>;
}

/** rproc_prepare_subdevices. A failure unprepares those before. @throws Errno */
function* prepareSubdevices(rproc: Rproc): Kernel<void> {
  const done: Subdevice[] = [];
  for (const subdevice of rproc.subdevices) {
    try {
      yield* finish(subdevice.prepare?.());
    } catch (error) {
      for (const before of done.reverse()) yield* finish(before.unprepare?.());
      if (isErrno(error)) rproc.print('err', `failed to prepare subdevices for ${rproc.name}: -${errno[error.code]}`);
      throw error;
    }
    done.push(subdevice);
  }
}

/** rproc_start_subdevices. A failure stops those before, as after a crash. @throws Errno */
function* startSubdevices(rproc: Rproc): Kernel<void> {
  const done: Subdevice[] = [];
  for (const subdevice of [...rproc.subdevices]) {
    try {
      rproc.step('subdevice', subdevice.name);
      yield* finish(subdevice.start?.());
    } catch (error) {
      for (const before of done.reverse()) yield* finish(before.stop?.(true));
      if (isErrno(error)) rproc.print('err', `failed to probe subdevices for ${rproc.name}: -${errno[error.code]}`);
      throw error;
    }
    done.push(subdevice);
  }
}

/** rproc_stop_subdevices. */
export function* stopSubdevices(rproc: Rproc, crashed: boolean): Kernel<void> {
  for (const subdevice of [...rproc.subdevices].reverse()) yield* finish(subdevice.stop?.(crashed));
}

/** rproc_unprepare_subdevices. */
export function* unprepareSubdevices(rproc: Rproc): Kernel<void> {
  for (const subdevice of [...rproc.subdevices].reverse()) yield* finish(subdevice.unprepare?.());
}

/**
 * A processor and what follows it, all of them or none: what rproc_start and __rproc_attach have in common.
 *
 * @param complaint for the log, when `begin` fails
 * @throws Errno what `begin` and the subdevices say
 */
export function* bringUp(rproc: Rproc, begin: () => MaybeKernel<void> | undefined, complaint: string): Kernel<void> {
  yield* prepareSubdevices(rproc);
  try {
    try {
      yield* finish(begin());
    } catch (error) {
      throw rproc.told(error, complaint);
    }
    try {
      yield* startSubdevices(rproc);
    } catch (error) {
      yield* finish(rproc.ops.stop?.(rproc));
      throw error;
    }
  } catch (error) {
    yield* unprepareSubdevices(rproc);
    throw error;
  }
}
