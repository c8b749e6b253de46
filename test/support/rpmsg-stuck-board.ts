import { rpmsgBoard } from './rpmsg-board.ts';

/** A remote that announces a channel and then takes nothing in: four messages, and no buffer is left. */
export default rpmsgBoard({
  ringSizes: [4, 4],
  firmware: (remote) => {
    remote.announce('rpmsg-raw', 1024);
    remote.pause();
  },
});
