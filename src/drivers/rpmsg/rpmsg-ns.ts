/** drivers/rpmsg/rpmsg_ns.c: the remote announces its services, and each becomes a channel. Section 22 of docs/reference/remoteproc.md. */
import { Errno, isErrno } from '../../abi/index.ts';
import { RPMSG_ADDR_ANY } from '../../abi/uapi/index.ts';
import type { Kernel, LogLine } from '../../kernel/index.ts';
import { RPMSG_NAME_SIZE, RPMSG_NS_ADDR, RPMSG_NS_DESTROY, rpmsg_ns_msg } from '../../ports/rpmsg/index.ts';
import type { Endpoint } from './endpoint.ts';
import type { RpmsgDriver } from './rpmsg-device.ts';

function* announced({ device }: Endpoint, data: Uint8Array): Kernel<void> {
  const { transport } = device;
  const { parent, system } = transport;
  const print = (level: LogLine['level'], text: string) =>
    system.log.print(level, `${parent.driver?.name ?? 'virtio'} ${parent.name}: ${text}`);
  if (data.length !== rpmsg_ns_msg.size) {
    print('err', `malformed ns msg (${data.length})`);
    return;
  }
  const { name: given, addr, flags } = rpmsg_ns_msg.decode(new DataView(data.buffer, data.byteOffset, data.length), 0);
  const name = given.slice(0, RPMSG_NAME_SIZE - 1);
  const isDestroy = (flags & RPMSG_NS_DESTROY) !== 0;
  print('info', `${isDestroy ? 'destroy' : 'creat'}ing channel ${name} addr 0x${addr.toString(16)}`);
  const info = { name, src: RPMSG_ADDR_ANY, dst: addr };
  if (!isDestroy) {
    if ((yield* transport.createChannel(info)) === undefined) print('err', 'rpmsg_create_channel failed');
    return;
  }
  if (name === device.name && addr === device.dst) {
    system.findings.report('rpmsg-ends-itself', `the remote of ${parent.name} ends the name service by a message to the name service`);
    return;
  }
  try {
    yield* transport.releaseChannel(info);
  } catch (error) {
    if (!isErrno(error)) throw error;
    print('err', `rpmsg_destroy_channel failed: ${-error.errno}`);
  }
}

export const rpmsgNsDriver: RpmsgDriver = {
  name: 'rpmsg_ns',
  probe(device) {
    const endpoint = device.transport.createEndpoint(device, announced, undefined, RPMSG_NS_ADDR);
    if (endpoint === undefined) {
      device.print('err', 'failed to create the ns ept');
      throw new Errno('ENOMEM', 'the name service gets no endpoint');
    }
    device.endpoint = endpoint;
  },
};
