/** An endpoint of a device controller, and what waits at it. */
import { errno } from '../../abi/index.ts';
import { UsbEp, type UsbEpDescription, type UsbEpOps, type UsbRequest } from '../../usb/index.ts';

export class LinkedEndpoint extends UsbEp {
  /** What the gadget's driver has asked for, oldest first. */
  readonly requests: UsbRequest[] = [];
  /** From enable to disable. */
  isConfigured = false;
  isHalted = false;
  /** Only the gadget's driver ends the halt. */
  isWedged = false;
  /** A transfer has had its turn in this frame. */
  isSeen = false;
  /** A control transfer begins: its request has not been looked at. */
  isSetup = false;

  constructor(ops: UsbEpOps, description: UsbEpDescription) {
    super(ops, description);
  }

  /** Takes a request out of the queue. @returns whether it was there */
  remove(request: UsbRequest): boolean {
    const at = this.requests[0] === request ? 0 : this.requests.indexOf(request);
    if (at < 0) return false;
    if (at === 0) this.requests.shift();
    else this.requests.splice(at, 1);
    return true;
  }

  /** nuke: everything that waits ends with ESHUTDOWN. */
  nuke(): void {
    for (let request = this.requests.shift(); request !== undefined; request = this.requests.shift()) {
      request.status = -errno.ESHUTDOWN;
      request.complete?.(this, request);
    }
  }
}
