/**
 * What firmware of a simulated processor begins with, in memory at its boot address, instead of instructions. No real processor has
 * this: it says which program, of those that the processor's model knows, the loaded bytes stand for.
 */
import { chars, struct, u32 } from '../../abi/index.ts';

export const ENTRY_MAGIC = 0x66_77_6f_69;

export const entry_block = struct('ioctopus_entry_block', {
  magic: u32,
  /** Device address of the resource table; 0 without one. */
  table_da: u32,
  /** In bytes. */
  table_len: u32,
  /** Device address of the trace buffer; 0 without one. */
  trace_da: u32,
  /** In bytes. */
  trace_len: u32,
  reserved: u32,
  /** Of the program. */
  name: chars(32),
  /** What it is told, as `key=value,…`. */
  options: chars(96),
});
