import { describe, expect, test } from 'vitest';
import {
  VC_SM_CMA_IOCTL_MEM_ALLOC,
  VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2,
  VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF,
  vc_sm_cma_ioctl_alloc,
  vc_sm_cma_ioctl_clean_invalid_block,
} from '../../../src/abi/uapi/index.ts';
import * as port from '../../../src/ports/videocore/index.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

describe('messages of SMEM', () => {
  test('CLIENT_VERSION', () => {
    const bytes = port.encodeCommand(port.VC_SM_MSG_TYPE_CLIENT_VERSION, 1, port.vc_sm_version, { version: 2 });
    expect(hex(bytes)).toBe('090000000100000002000000');
  });

  test('the acknowledgement of CLIENT_VERSION', () => {
    const bytes = bytesOf('09000080 00000000');
    expect(port.decodeBody(port.vc_sm_version, bytes).version).toBe((port.VC_SM_EVENT | port.VC_SM_MSG_TYPE_CLIENT_VERSION) >>> 0);
  });

  test('IMPORT', () => {
    const body = {
      type: port.VC_SM_ALLOC_NON_CACHED,
      addr: 0xdf000000,
      size: 0x2000,
      kernel_id: 1,
      allocator: 1234,
      name: 'smem-test-alloc',
    };
    const bytes = port.encodeCommand(port.VC_SM_MSG_TYPE_IMPORT, 2, port.vc_sm_import, body);
    const text = '736d656d2d746573742d616c6c6f6300';
    expect(hex(bytes)).toBe(`08000000020000000100000000${'0000df'}002000000100${'0000d2040000'}${text}${'00'.repeat(16)}`);
    expect(bytes).toHaveLength(60);
    expect(port.decodeBody(port.vc_sm_msg_hdr, bytes)).toEqual({ type: 8, trans_id: 2 });
    expect(port.decodeBody(port.vc_sm_import, bytes, 8)).toEqual(body);
  });

  test('the reply of IMPORT', () => {
    expect(hex(port.encodeBody(port.vc_sm_import_result, { trans_id: 2, res_handle: 0xc000002d }))).toBe('020000002d0000c0');
  });

  test('FREE', () => {
    const bytes = port.encodeCommand(port.VC_SM_MSG_TYPE_FREE, 3, port.vc_sm_free, { res_handle: 0xc000002d });
    expect(hex(bytes)).toBe('04000000030000002d0000c000000000');
  });

  test('RELEASED', () => {
    const text = '0b000080 000000df 00200000 01000000 2d0000c0';
    const body = { cmd: 0x8000000b, addr: 0xdf000000, size: 0x2000, kernel_id: 1, vc_handle: 0xc000002d };
    expect(hex(port.encodeBody(port.vc_sm_released, body))).toBe(text.replaceAll(' ', ''));
    expect(port.decodeBody(port.vc_sm_released, bytesOf(text))).toEqual(body);
  });

  test('a message that is too short reads zeros', () => {
    expect(port.decodeBody(port.vc_sm_released, bytesOf('0b000080 0000'))).toMatchObject({ cmd: 0x8000000b, kernel_id: 0 });
  });

  test.each([
    [port.vc_sm_alloc, 52],
    [port.vc_sm_alloc_result, 20],
    [port.vc_sm_free, 8],
    [port.vc_sm_lock_unlock, 8],
    [port.vc_sm_resize, 12],
    [port.vc_sm_lock_result, 16],
    [port.vc_sm_result, 8],
    [port.vc_sm_action_clean, 8],
    [port.vc_sm_free_all, 4],
    [port.vc_sm_import, 52],
    [port.vc_sm_import_result, 8],
    [port.vc_sm_released, 20],
    [port.vc_sm_version, 4],
    [port.vc_sm_vc_mem_request, 52],
    [port.vc_sm_vc_mem_request_result, 12],
  ])('%o has %d bytes', (layout, size) => {
    expect(layout.size).toBe(size);
  });
});

test('traces show names as text, and what the VPU counts in hexadecimal', () => {
  const name = [...Buffer.from('frame'.padEnd(7, '\0')), ...Buffer.from('left over'.padEnd(25))];
  const answer = { size: 4096, num: 1, cached: 0, pad: 0, name, handle: 4, vc_handle: 0xc0000020, dma_addr: 0xeb400000 };
  expect(vc_sm_cma_ioctl_alloc.format(answer)).toBe(
    '{size=4096, num=1, cached=0, pad=0, name="frame", handle=4, vc_handle=0xc0000020, dma_addr=0xeb400000}',
  );
});

test('requests have the numbers of the header', () => {
  expect(VC_SM_CMA_IOCTL_MEM_ALLOC.number).toBe(0x80404a5a);
  expect(VC_SM_CMA_IOCTL_MEM_IMPORT_DMABUF.number).toBe(0x80404a5b);
  expect(VC_SM_CMA_IOCTL_MEM_CLEAN_INVALID2.number).toBe(0x80084a5c);
  expect(vc_sm_cma_ioctl_clean_invalid_block.size).toBe(24);
});
