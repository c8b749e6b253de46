/** drivers/rpmsg/rpmsg_char.c: a channel of a raw service is a file. */
import type { Device } from '../../kernel/index.ts';
import type { Endpoint } from './endpoint.ts';
import { EndpointNode, received } from './endpoint-node.ts';
import type { RpmsgDriver } from './rpmsg-device.ts';

export const rpmsgChrdevDriver: RpmsgDriver = {
  name: 'rpmsg_chrdev',
  idTable: ['rpmsg-raw'],
  callback: received,
  probe(channel) {
    const { name, src, dst } = channel;
    const nodes = new Set<EndpointNode>();
    const endpoint = channel.endpoint as Endpoint;
    const node = new EndpointNode({ channel, parent: channel.device as Device, info: { name, src, dst }, siblings: nodes, endpoint });
    endpoint.priv = node;
    channel.driverData = nodes;
  },
  *remove(channel) {
    for (const node of [...(channel.driverData as Set<EndpointNode>)]) yield* node.destroy();
  },
};
