/** A wire from a device to an interrupt controller, as the device has it. */
export interface IrqLine {
  readonly isHigh: boolean;
  raise(): void;
  lower(): void;
  /** Up and down: for lines that trigger by an edge. */
  pulse(): void;
}
