/** struct ffs_data of u_fs.h: one mount of FunctionFS, and what the files in it share. */
import { Errno } from '../../abi/index.ts';
import { FUNCTIONFS_SETUP, type UsbCtrlRequest } from '../../abi/uapi/index.ts';
import { type EventfdContext, type Kernel, Mutex, type System, WaitQueue } from '../../kernel/index.ts';
import { USB_GADGET_DELAYED_STATUS, type UsbGadget, UsbRequest } from '../../usb/index.ts';
import { type Descriptors, Totals } from './descriptor-block.ts';
import type { FfsEndpoint } from './endpoint.ts';
import { EventQueue } from './event-queue.ts';
import type { FfsFunction } from './function.ts';
import type { FfsInstance } from './instances.ts';
import type { StringTable } from './strings-block.ts';

/** enum ffs_state. */
export type State = 'READ_DESCRIPTORS' | 'READ_STRINGS' | 'ACTIVE' | 'DEACTIVATED' | 'CLOSING';
/** enum ffs_setup_state. */
export type SetupState = 'NO_SETUP' | 'SETUP_PENDING' | 'SETUP_CANCELLED';

/** The names in a mount, for what makes and removes endpoint files. */
export interface EndpointFolder {
  add(name: string, endpoint: FfsEndpoint): void;
  remove(name: string): void;
}

/** A function at a controller: what `functionfs_bind` made. */
interface Bound {
  readonly gadget: UsbGadget;
  readonly ep0Request: UsbRequest;
}

/**
 * Invariants: (1) without an open file the state is READ_DESCRIPTORS or DEACTIVATED; (2) `endpoints` is empty unless ACTIVE; (3) `func` is
 * set only while a controller has the function's endpoints enabled; (4) whoever waits on ep0 holds `mutex`.
 */
export class Ffs {
  readonly system: System;
  readonly noDisconnect: boolean;
  state: State = 'READ_DESCRIPTORS';
  setupState: SetupState = 'NO_SETUP';
  /** ffs->mutex: a call on ep0 is under way. */
  readonly mutex: Mutex;
  readonly events = new EventQueue();
  /** ffs->ev.waitq. */
  readonly eventCame: WaitQueue;
  /** ffs->wait: for endpoints to be enabled. */
  readonly enabled: WaitQueue;
  /** ep0req_completion. */
  readonly ep0Done: WaitQueue;
  totals = new Totals();
  descriptors: Descriptors | undefined;
  strings: readonly StringTable[] = [];
  eventfd: EventfdContext | undefined;
  endpoints: readonly FfsEndpoint[] = [];
  /** Whose endpoints are enabled: ffs->func. */
  func: FfsFunction | undefined;
  bound: Bound | undefined;
  /** The instance that is mounted; undefined when it was removed meanwhile. */
  instance: FfsInstance | undefined;
  /** Open files, those of ep0 and of endpoints. */
  #opened = 0;
  folder!: EndpointFolder;

  constructor(system: System, instance: FfsInstance, noDisconnect: boolean) {
    const { name } = instance;
    this.system = system;
    this.instance = instance;
    this.noDisconnect = noDisconnect;
    this.mutex = new Mutex(`ep0 of ${name}`, system.lockdep.lockClass('ffs->mutex'));
    this.eventCame = new WaitQueue(`an event of ${name}`);
    this.enabled = new WaitQueue(`the endpoints of ${name} to be enabled`);
    this.ep0Done = new WaitQueue(`the control transfer of ${name}`);
  }

  /** The bound controller's. */
  get gadget(): UsbGadget | undefined {
    return this.bound?.gadget;
  }

  // ---- files that come and go ---------------------------------------------------

  /** ffs_data_opened: the first file after the last was closed makes the daemon start over. */
  *fileOpened(): Kernel<void> {
    this.#opened++;
    if (this.#opened === 1 && this.state === 'DEACTIVATED') yield* this.reset();
  }

  /** ffs_data_closed. */
  *fileClosed(): Kernel<void> {
    this.#opened--;
    if (this.#opened > 0) return;
    if (!this.noDisconnect) {
      yield* this.reset();
      return;
    }
    this.state = 'DEACTIVATED';
    this.#removeEndpoints();
    if (this.setupState === 'SETUP_PENDING') this.stall();
  }

  /** ffs_data_reset: everything is as at the beginning. A gadget that has the function is taken from its controller. */
  *reset(): Kernel<void> {
    this.state = 'CLOSING';
    const { instance } = this;
    if (instance !== undefined) {
      instance.isReady = false;
      if (this.bound !== undefined) yield* instance.unbindGadget();
    }
    this.#removeEndpoints();
    this.eventfd?.put();
    this.eventfd = undefined;
    this.totals = new Totals();
    this.descriptors = undefined;
    this.strings = [];
    this.events.clear();
    this.setupState = 'NO_SETUP';
    this.state = 'READ_DESCRIPTORS';
  }

  /** ffs_reset_work: from where the bus must not wait. */
  resetLater(): void {
    this.state = 'CLOSING';
    this.system.scheduler.spawn('ffs_reset_work', undefined, this.reset());
  }

  /** ffs_epfiles_create. */
  addEndpoints(endpoints: readonly FfsEndpoint[]): void {
    this.endpoints = endpoints;
    for (const endpoint of endpoints) this.folder.add(endpoint.name, endpoint);
  }

  #removeEndpoints(): void {
    for (const { name } of this.endpoints) this.folder.remove(name);
    this.endpoints = [];
  }

  // ---- events and control requests ------------------------------------------------

  /** ffs_event_add. @param type FUNCTIONFS_ event */
  addEvent(type: number): void {
    if (this.setupState === 'SETUP_PENDING') this.setupState = 'SETUP_CANCELLED';
    this.events.add(type);
    this.eventCame.wake();
    this.eventfd?.signal();
  }

  /** ffs_func_setup, from where wIndex is translated. @returns what the gadget's driver does */
  addSetup(request: UsbCtrlRequest): number | void {
    this.events.setup = request;
    this.addEvent(FUNCTIONFS_SETUP);
    if (request.wLength === 0) return USB_GADGET_DELAYED_STATUS;
  }

  /**
   * ffs_setup_state_clear_cancelled, of which the next call hears.
   *
   * @throws Errno EIDRM when something newer has come than the setup that was to be answered
   */
  checkCancelled(): void {
    if (this.setupState !== 'SETUP_CANCELLED') return;
    this.setupState = 'NO_SETUP';
    throw new Errno('EIDRM', 'the setup that was read is over');
  }

  /** __ffs_ep0_stall, but for its errno. */
  stall(): void {
    this.gadget?.ep0.setHalt();
    this.setupState = 'NO_SETUP';
  }

  /** functionfs_bind. @param number gives the strings their numbers @throws Errno EBADFD, what `number` says */
  bind(gadget: UsbGadget, number: () => void): void {
    if (this.state !== 'ACTIVE' || this.bound !== undefined) throw new Errno('EBADFD', `it is ${this.state}, or has a controller already`);
    number();
    const ep0Request = new UsbRequest();
    ep0Request.complete = () => this.ep0Done.wake();
    this.bound = { gadget, ep0Request };
  }

  /** functionfs_unbind. */
  *unbind(): Kernel<void> {
    const { bound } = this;
    if (bound === undefined) throw new Error('a function without a controller is unbound');
    if (bound.ep0Request.isQueued) bound.gadget.ep0.dequeue(bound.ep0Request);
    // Whoever waits on ep0 has been woken: by UNBIND, or by the end of its transfer.
    yield* this.mutex.lock();
    this.bound = undefined;
    this.mutex.unlock();
  }
}
