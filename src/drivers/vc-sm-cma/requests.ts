/** The requests of /dev/vcsm-cma: sections 5.3 to 5.6 of docs/reference/vc-sm-cma.md. */
import { Errno, iocNr, iocType, isErrno } from '../../abi/index.ts';
import {
  PAGE_SIZE,
  VC_SM_CMA_CMD_ALLOC,
  VC_SM_CMA_CMD_CLEAN_INVALID2,
  VC_SM_CMA_CMD_IMPORT_DMABUF,
  VC_SM_CMA_IOCTL_MEM_ALLOC,
  VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2,
  VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF,
  VC_SM_CMA_MAGIC_TYPE,
  VC_SM_CMA_RESOURCE_NAME,
  VC_SM_CMA_RESOURCE_NAME_DEFAULT,
  vc_sm_cma_ioctl_alloc,
  vc_sm_cma_ioctl_import_dmabuf,
} from '../../abi/uapi/index.ts';
import { type DmaBuf, dmaBufGet } from '../../dma-buf/index.ts';
import { type File, type FileOperations, type Kernel, type System, type Task, takeStruct } from '../../kernel/index.ts';
import type { LocalHandle, VcSmBuffer } from './buffer.ts';
import { cleanInvalid } from './clean-invalid.ts';
import { oops, VCSM_DEFECTS } from './defects.ts';
import { bufferOf } from './exported.ts';
import { allocateBuffer, type Ground, importBuffer } from './share.ts';
import { Interrupted } from './transport.ts';

/** What each open file has: `struct vc_sm_privdata_t`. */
interface Opened {
  /** The last import or allocation of this file was interrupted. */
  isInterrupted: boolean;
  /** Which one, by the command's number. */
  action: number;
  transId: number;
}

type OpenFile = File<Opened>;

/** Of vc_sm_msg_type. */
const ACTION_IMPORT = 8;
const UINT32 = 2 ** 32;

/** Up to the first NUL, of the bytes that count. */
function nameOf(bytes: readonly number[]): string {
  if (bytes[0] === 0) return VC_SM_CMA_RESOURCE_NAME_DEFAULT;
  const end = bytes.indexOf(0);
  return String.fromCharCode(...bytes.slice(0, Math.min(VC_SM_CMA_RESOURCE_NAME - 1, end < 0 ? bytes.length : end)));
}

/** What an interrupted transport makes of the call: it starts again, unless a handler says otherwise. */
function* restarting<T>({ private: opened }: OpenFile, { transport }: Ground, work: Kernel<T>): Kernel<T> {
  try {
    return yield* work;
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    Object.assign(opened, { isInterrupted: true, action: ACTION_IMPORT, transId: transport.lastTransId });
    throw new Errno('ERESTARTSYS', error.message);
  }
}

/**
 * Gives a buffer a descriptor and tells the program of it. The buffer's reference becomes the descriptor's; when that fails it is dropped.
 *
 * @param giveBack copies the answer out
 * @param leaks whether a copy that fails leaves the descriptor open
 */
function* installed(local: LocalHandle, task: Task, giveBack: (handle: number) => Kernel<void>, leaks: boolean): Kernel<void> {
  let handle: number;
  try {
    handle = yield* task.files.reserve(true);
  } catch (error) {
    local.put();
    throw error;
  }
  try {
    yield* giveBack(handle);
  } catch (error) {
    if (leaks) yield* task.files.fill(handle, local.file);
    else {
      yield* task.files.cancel(handle);
      local.put();
    }
    throw error;
  }
  yield* task.files.fill(handle, local.file);
}

function* allocate(ground: Ground, file: OpenFile, address: number, task: Task): Kernel<number> {
  const { system } = ground;
  const copy = yield* copiedIn(system, VC_SM_CMA_CMD_ALLOC, takeStruct(task.memory, vc_sm_cma_ioctl_alloc, address));
  const size = (Math.ceil(copy.value.size / PAGE_SIZE) * PAGE_SIZE) % UINT32;
  if (size === 0) throw new Errno('EINVAL', `${copy.value.size} bytes cannot be allocated`);
  try {
    // The size is an int where the memory comes from.
    if (size >= 2 ** 31) {
      system.log.print('err', `[vc_sm_cma_ioctl_alloc]: dma_alloc_coherent alloc of ${size - UINT32} bytes failed`);
      throw new Errno('ENOMEM', `${size} bytes are too many`);
    }
    const work = allocateBuffer(ground, size, nameOf(copy.value.name), task.tgid);
    const dmabuf = yield* restarting(file, ground, work);
    const { vcHandle, dmaAddr } = dmabuf.private;
    const giveBack = (handle: number) => copy.giveBack({ handle, vc_handle: vcHandle, dma_addr: dmaAddr });
    const leaks = system.findings.recreates(VCSM_DEFECTS.Q6);
    yield* copiedOut(system, VC_SM_CMA_CMD_ALLOC, installed(dmabuf, task, giveBack, leaks));
    return 0;
  } catch (error) {
    if (!isErrno(error)) throw error;
    const { code, errno } = error;
    if (code === 'EMFILE' && system.findings.recreates(VCSM_DEFECTS.Q5)) return 0;
    if (code !== 'EFAULT') system.log.print('err', `[vc_sm_cma_ioctl_alloc]: something failed - cleanup. ret ${-errno}`);
    throw error;
  }
}

function* importDmaBuf(ground: Ground, file: OpenFile, address: number, task: Task): Kernel<number> {
  const { system } = ground;
  const { findings } = system;
  const copy = yield* copiedIn(system, VC_SM_CMA_CMD_IMPORT_DMABUF, takeStruct(task.memory, vc_sm_cma_ioctl_import_dmabuf, address));
  const source = yield* sourceOf(system, copy.value.dmabuf_fd, task);
  const local = yield* restarting(file, ground, importBuffer(ground, source, task.tgid));
  const { vcHandle, dmaAddr, size } = bufferOf(local) as VcSmBuffer;
  const giveBack = (handle: number) => copy.giveBack({ handle, vc_handle: vcHandle, size, dma_addr: dmaAddr });
  const leaks = findings.recreates(VCSM_DEFECTS.Q7);
  try {
    yield* copiedOut(system, VC_SM_CMA_CMD_IMPORT_DMABUF, installed(local, task, giveBack, leaks));
  } catch (error) {
    if (isErrno(error, 'EFAULT') && leaks) findings.report('vcsm-over-put', `${local.describe()} was put though its descriptor is open`);
    if (isErrno(error, 'EMFILE') && findings.recreates(VCSM_DEFECTS.Q8)) throw new Errno('EFAULT', error.reason);
    throw error;
  }
  return 0;
}

/** @throws Errno EINVAL for a negative descriptor and for other files, EBADF */
function* sourceOf(system: System, fd: number, task: Task): Kernel<DmaBuf<any>> {
  if (fd < 0) {
    if (system.findings.recreates(VCSM_DEFECTS.Q1)) oops(system, 'a null dma-buf was dereferenced');
    throw new Errno('EINVAL', `${fd} is no descriptor`);
  }
  try {
    return yield* dmaBufGet(fd, task);
  } catch (error) {
    if (isErrno(error) && system.findings.recreates(VCSM_DEFECTS.Q2)) oops(system, 'the error of dma_buf_get was taken for a pointer');
    throw error;
  }
}

const copiedIn = <T>(system: System, nr: number, copy: Kernel<T>) => tellingOf(system, `copy-from-user for cmd ${nr.toString(16)}`, copy);
const copiedOut = <T>(system: System, nr: number, copy: Kernel<T>) => tellingOf(system, `copy-to-user for cmd ${nr.toString(16)}`, copy);

function* tellingOf<T>({ log }: System, what: string, copy: Kernel<T>): Kernel<T> {
  try {
    return yield* copy;
  } catch (error) {
    if (isErrno(error, 'EFAULT')) log.print('err', `[vc_sm_cma_ioctl]: failed to ${what}`);
    throw error;
  }
}

/** Requests whose numbers are right in every part. */
const REQUESTS = [VC_SM_CMA_IOCTL_MEM_ALLOC, VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF, VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2];

export function nodeOperations(ground: Ground): FileOperations<Opened> {
  const { system, revision, design } = ground;
  return {
    requests: REQUESTS,

    open(file) {
      system.kmalloc('struct vc_sm_privdata_t');
      file.private = { isInterrupted: false, action: 0, transId: 0 };
    },

    ioctl(file, request, argument, task) {
      const { private: opened } = file;
      if (opened.isInterrupted) {
        const transId = system.findings.recreates(VCSM_DEFECTS.Q27) ? 0 : opened.transId;
        const which = `action ${opened.action} (trans_id: ${transId.toString(16)})`;
        system.log.print('debug', `[vc_sm_cma_ioctl]: clean up of ${which} following EINTR`);
        opened.isInterrupted = false;
      }
      const nr = iocNr(request);
      const known = REQUESTS.find(({ number }) => iocNr(number) === nr);
      const isExact = known !== undefined && known.number === request >>> 0;
      const isOurs = iocType(request) === VC_SM_CMA_MAGIC_TYPE && (isExact || known === undefined);
      if (!isOurs && !system.findings.recreates(VCSM_DEFECTS.Q17)) throw new Errno('ENOTTY', 'the request is none of this node');
      if (nr === VC_SM_CMA_CMD_ALLOC && revision.allocates && design.handle !== 'explicit') return allocate(ground, file, argument, task);
      if (nr === VC_SM_CMA_CMD_IMPORT_DMABUF) return importDmaBuf(ground, file, argument, task);
      if (nr === VC_SM_CMA_CMD_CLEAN_INVALID2 && revision.maintainsCaches) return cleanInvalid(system, argument, task);
      throw new Errno('EINVAL', `revision ${revision.name} does not serve command 0x${nr.toString(16)}`);
    },
  };
}
