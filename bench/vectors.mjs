// How long a client of a message store takes while many have a vector each: `node vectors.mjs CLIENTS`.
import { boot, dsa } from 'ioctopus';
import * as uapi from 'ioctopus/uapi';
import { answerRounds, CALLS } from './rounds.mjs';

const CLIENTS = Number(process.argv[2]);
const { sys, system } = boot(dsa({ imslab: { storage: 'context' } }));
sys.setFileLimit(CLIENTS + 100);
const open = () => sys.open('/dev/imslab', uapi.O_RDWR);

const clients = Array.from({ length: CLIENTS }, () => ({ fd: open(), eventfd: 0 }));
/** Evenly spread among all, and few: the memory that is touched is the same however many there are. */
const used = Array.from({ length: 50 }, (_, index) => clients[Math.floor((index * CLIENTS) / 50)]);
const list = sys.allocate(4);
const view = new DataView(list.bytes.buffer, list.bytes.byteOffset);
for (const client of used) {
  client.eventfd = sys.eventfd(0, uapi.O_NONBLOCK);
  view.setInt32(0, client.eventfd, true);
  const { auto_group: group } = sys.ioctl(client.fd, uapi.IMS_GET_INFO);
  sys.ioctl(client.fd, uapi.IMS_SET_EVENTFD, { argsz: 32, group, start: 0, count: 1, fds: list.address });
  client.trigger = { group, index: 0, count: 1 };
}

let turn = 0;
const next = () => {
  turn = (turn + 1) % used.length;
  return used[turn];
};

// Clients come and go: the one that has been there longest is next.
const others = clients.filter((client) => !used.includes(client));
let oldest = 0;

await answerRounds({
  open: () => {
    for (let i = 0; i < CALLS; i++) {
      oldest = (oldest + 1) % others.length;
      sys.close(others[oldest].fd);
      others[oldest].fd = open();
    }
  },
  deliver: () => {
    for (let i = 0; i < CALLS; i++) {
      const { fd, eventfd, trigger } = next();
      sys.ioctl(fd, uapi.IMS_TRIGGER, trigger);
      system.scheduler.runFor(2000);
      sys.read(eventfd, 8);
    }
  },
});
