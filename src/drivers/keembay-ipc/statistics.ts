/** What the driver counts. */
export class IpcStatistics {
  txOk = 0;
  txNoPacket = 0;
  txBusy = 0;
  txInterrupted = 0;
  rxOk = 0;
  rxClosed = 0;
  rxBadHeader = 0;
  rxOutOfRange = 0;
  rxNoMemory = 0;
  irqMasked = 0;
  readonly scan = { steps: 0, stepsMax: 0 };

  clear(): void {
    Object.assign(this, new IpcStatistics(), { scan: this.scan });
    this.scan.steps = 0;
    this.scan.stepsMax = 0;
  }
}
