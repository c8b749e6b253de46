import * as uapi from '../../src/abi/uapi/index.ts';
import { boot, keembay } from '../../src/index.ts';
import { XlnkClient } from './xlnk-client.ts';

/** Asks what test/native/programs/xlnk.c asks, in its order and words, in process. @returns its lines */
export function askXlnk(): string[] {
  const machine = boot(keembay());
  const client = new XlnkClient(machine.sys);
  const lines: string[] = [];
  const say = (question: string, { outcome, result }: ReturnType<XlnkClient['call']>) => lines.push(`${question}: ${outcome} ${result}`);
  askChannels(client, say);
  askMessages(client, say, (line) => lines.push(line));
  askDevice(client, say, (line) => lines.push(line));
  say('close', client.call(uapi.XL_CLOSE_CHANNEL, { chan: 20 }));
  client.close();
  machine.shutdown();
  return lines;
}

type Say = (question: string, answer: ReturnType<XlnkClient['call']>) => void;

const text = ({ data }: XlnkClient) => Buffer.from(data.subarray(0, data.indexOf(0))).toString();

function askChannels(client: XlnkClient, say: Say): void {
  const read = (request: typeof uapi.XL_READ_DATA) => client.call(request, { chan: 30, pmessage: client.dataAt, size: client.sizeAt });
  say('open before connect', client.open(20));
  say('connect', client.call(uapi.XL_CONNECT));
  say('open 20', client.open(20));
  say('open 20 again', client.open(20));
  say('open 10', client.open(10));
  say('open 1024', client.open(1024));
  say('open 30, not waiting', client.open(30, uapi.RXN_TXN, 20));
  say('read of nothing', read(uapi.XL_READ_DATA));
  say('read to a buffer of nothing', read(uapi.XL_READ_TO_BUFFER));
  say('close of a closed one', client.call(uapi.XL_CLOSE_CHANNEL, { chan: 31 }));
  client.handle(2, uapi.VPUIP_DEVICE);
  say('connect to another device', client.call(uapi.XL_CONNECT));
  client.handle(0, uapi.VPUIP_DEVICE);
  say('bad address', client.at(uapi.XL_CONNECT, 8));
}

function askMessages(client: XlnkClient, say: Say, print: (line: string) => void): void {
  const write = (request: typeof uapi.XL_WRITE_DATA, size: number, pmessage = client.dataAt, chan = 20) =>
    client.call(request, { chan, pmessage, size });
  const read = (request: typeof uapi.XL_READ_DATA) => client.call(request, { chan: 20, pmessage: client.dataAt, size: client.sizeAt });
  client.number = 0x90000040;
  say('write', write(uapi.XL_WRITE_DATA, 256));
  client.number = 0;
  say('read', read(uapi.XL_READ_DATA));
  print(`  ${client.number} of ${client.size}`);
  client.put('hello');
  say('write volatile', write(uapi.XL_WRITE_VOLATILE, 6));
  client.data.fill(0, 0, 1024);
  say('read to a buffer', read(uapi.XL_READ_TO_BUFFER));
  print(`  ${text(client)} of ${client.size}`);
  say('write control data', write(uapi.XL_WRITE_CONTROL_DATA, 100));
  say('read it', read(uapi.XL_READ_TO_BUFFER));
  say('write too much', write(uapi.XL_WRITE_DATA, 2 ** 30 + 1));
  say('write too much that is volatile', write(uapi.XL_WRITE_VOLATILE, 129));
  say('write too much control data', write(uapi.XL_WRITE_CONTROL_DATA, 101));
  say('write far too much', write(uapi.XL_WRITE_CONTROL_DATA, 485));
  say('write from nowhere', write(uapi.XL_WRITE_DATA, 4, 8));
  say('write volatile from nowhere', write(uapi.XL_WRITE_VOLATILE, 4, 8));
  say('write to a closed one', write(uapi.XL_WRITE_VOLATILE, 4, client.dataAt, 21));
}

function askDevice(client: XlnkClient, say: Say, print: (line: string) => void): void {
  const bootWith = (binary_name_size: number) => {
    client.put('vpu.bin');
    return client.call(uapi.XL_BOOT_DEVICE, { binary_name: client.dataAt, binary_name_size });
  };
  say('list', client.call(uapi.XL_GET_DEVICE_LIST, { sw_device_id_list: client.dataAt, num_devices: client.sizeAt }));
  print(`  ${client.size} devices, the first is ${client.number}`);
  say('name', client.call(uapi.XL_GET_DEVICE_NAME, { name: client.dataAt, name_size: 12 }));
  print(`  ${text(client)}`);
  say('status', client.call(uapi.XL_GET_DEVICE_STATUS, { device_status: client.dataAt }));
  print(`  ${client.number}`);
  client.number = 4;
  say('set mode', client.call(uapi.XL_SET_DEVICE_MODE, { device_mode: client.dataAt }));
  client.number = 0;
  say('mode', client.call(uapi.XL_GET_DEVICE_MODE, { device_mode: client.dataAt }));
  print(`  ${client.number}`);
  say('reset', client.call(uapi.XL_RESET_DEVICE));
  say('reset again', client.call(uapi.XL_RESET_DEVICE));
  say('boot', bootWith(8));
  say('boot of too long a name', bootWith(65));
  say('unknown request', client.at(0x40087819, client.dataAt));
  say('stop', client.at(uapi.XL_STOP_VPU, 0));
  say('boot after a stop', bootWith(8));
}
