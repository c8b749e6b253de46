/** drivers/gpu/drm/drm_ioctl.c: which requests there are, who may make them, and how their arguments come and go. */
import {
  type AnyRequest,
  Errno,
  IOC_READ,
  IOC_WRITE,
  iocDirection,
  iocNr,
  iocSize,
  iocType,
  type Request,
  type Struct,
} from '../abi/index.ts';
import { DRM_COMMAND_BASE, DRM_COMMAND_END } from '../abi/uapi/index.ts';
import { copyFromUser, copyToUser, type File, finish, isCapable, type Kernel, type MaybeKernel, type Task } from '../kernel/index.ts';
import type { DrmFile } from './drm-file.ts';

/** Who may make a request: drm/drm_ioctl.h. */
export const DRM_AUTH = 1 << 0;
export const DRM_MASTER = 1 << 1;
export const DRM_ROOT_ONLY = 1 << 2;
export const DRM_RENDER_ALLOW = 1 << 5;

const DRM_IOCTL_BASE = 'd'.charCodeAt(0);

/** The kernel's copy of a request's struct. It goes back to the program, whether the request succeeds or not. */
export class DrmArgument<T> {
  /** The fields as they came; what the program did not send is 0. */
  readonly value: T;
  readonly #view: DataView;
  readonly #layout: Struct<any> | undefined;

  constructor(layout: Struct<any> | undefined, bytes: Uint8Array) {
    this.#layout = layout;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.value = layout?.decode(this.#view, 0) as T;
  }

  /** Fields that go back. */
  set(fields: Partial<T>): void {
    this.#layout?.assign(this.#view, 0, fields);
  }
}

/** What the struct of a request is; for those that only give something, what they give. */
type ArgumentOf<R> = R extends Request<any, infer D, infer T, any> ? (D extends object ? D : T extends object ? T : undefined) : never;

export type DrmHandler<T, P = any> = (file: DrmFile<P>, argument: DrmArgument<T>, task: Task) => MaybeKernel<void>;

/** A request with what serves it, as `struct drm_ioctl_desc`. */
export interface DrmRequest {
  readonly request: AnyRequest;
  /** DRM_AUTH and the like. */
  readonly flags: number;
  readonly run: (file: DrmFile, bytes: Uint8Array, task: Task) => MaybeKernel<void>;
}

/** DRM_IOCTL_DEF: serves a request whose struct the handler looks at. */
export function drmRequest<R extends AnyRequest, P = any>(request: R, flags: number, handler: DrmHandler<ArgumentOf<R>, P>): DrmRequest {
  const layout = request.layout as Struct<any> | undefined;
  return { request, flags, run: (file, bytes, task) => handler(file, new DrmArgument(layout, bytes), task) };
}

/** DRM_IOCTL_DEF of a request that looks at nothing. */
export function drmAnswer(request: AnyRequest, flags: number, answer: () => void): DrmRequest {
  return { request, flags, run: answer };
}

/** Requests by number. */
export type DrmRequestTable = ReadonlyMap<number, DrmRequest>;

export function tableOf(requests: readonly DrmRequest[]): DrmRequestTable {
  return new Map(requests.map((entry) => [iocNr(entry.request.number), entry]));
}

/** drm_ioctl_permit. @throws Errno EACCES */
function checkPermission(file: DrmFile, flags: number, task: Task): void {
  const refuse = (reason: string): never => {
    throw new Errno('EACCES', reason);
  };
  if ((flags & DRM_ROOT_ONLY) !== 0 && !isCapable(task.credentials)) refuse('only for root');
  if ((flags & DRM_AUTH) !== 0 && !file.isRender && !file.isAuthenticated) refuse('the master has not authenticated this client');
  if ((flags & DRM_MASTER) !== 0 && !file.isCurrentMaster) refuse('only for the master');
  if ((flags & DRM_RENDER_ALLOW) === 0 && file.isRender) refuse('not for render nodes');
}

/**
 * drm_ioctl: only type and number select the request. A struct of another size is cut or filled with zeros, and goes the ways that
 * both the program's number and ours have.
 *
 * @throws Errno ENOTTY for another type; EINVAL for an unknown number; EFAULT; EACCES; what the request says
 */
export function* drmIoctl(core: DrmRequestTable, file: File<DrmFile>, request: number, address: number, task: Task): Kernel<number> {
  if (iocType(request) !== DRM_IOCTL_BASE) throw new Errno('ENOTTY', 'not a request of DRM');
  const nr = iocNr(request);
  const isOfDriver = nr >= DRM_COMMAND_BASE && nr < DRM_COMMAND_END;
  const entry = (isOfDriver ? file.private.device.requests : core).get(nr);
  if (entry === undefined) throw new Errno('EINVAL', `request number 0x${nr.toString(16)} is unknown`);
  const directions = iocDirection(request) & iocDirection(entry.request.number);
  const copiedIn = (directions & IOC_WRITE) !== 0 ? iocSize(request) : 0;
  const copiedOut = (directions & IOC_READ) !== 0 ? iocSize(request) : 0;
  const bytes = new Uint8Array(Math.max(copiedIn, copiedOut, iocSize(entry.request.number)));
  if (copiedIn > 0) bytes.set(yield* copyFromUser(task.memory, address, copiedIn));
  let failure: unknown;
  try {
    file.private.usedBy(task);
    checkPermission(file.private, entry.flags, task);
    yield* finish(entry.run(file.private, bytes, task));
  } catch (error) {
    failure = error;
  }
  if (copiedOut > 0) yield* copyToUser(task.memory, address, bytes.subarray(0, copiedOut));
  if (failure !== undefined) throw failure;
  return 0;
}
