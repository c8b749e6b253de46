/** What xlink-ipc and the firmware say to each other about power: xlink-ipc.c of Intel's kernels for Keem Bay. */
import { array, struct, u8, u32 } from '../../abi/index.ts';

/** IP_CONTROL_CHANNEL: not for programs. */
export const XLINK_CONTROL_CHANNEL = 0x0a;

// enum control_channel_commands
export const XLINK_GET_POWER_MODE = 0;
export const XLINK_GET_POWER_MODE_RESPONSE = 1;
export const XLINK_SET_POWER_MODE = 2;
export const XLINK_SET_POWER_MODE_RESPONSE = 3;

/** `struct control_channel_cmd`. Of a response, data[0] is a status, 0 for well; data[1] the mode that was asked for. */
export const xlink_control_command = struct('control_channel_cmd', { command: u32, data: array(u8, 128) });
