// A mail relay that takes a message and keeps the sender waiting for its word.

import { once } from 'node:events';
import { createServer } from 'node:net';

// slowRelay listens on a free port. mail settles when a message has arrived
// whole; accept says yes to it, and to all that follow.
export async function slowRelay() {
  let arrived, accept;
  const mail = new Promise((resolve) => {
    arrived = resolve;
  });
  const accepted = new Promise((resolve) => {
    accept = resolve;
  });
  const open = new Set();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => {}); // the sender may hang up
    let rest = '';
    let inBody = false;
    const say = (line) => socket.write(`${line}\r\n`);
    const line = async (text) => {
      if (inBody) {
        if (text === '.') {
          inBody = false;
          arrived();
          await accepted;
          say('250 taken');
        }
        return;
      }
      switch (text.slice(0, 4).toUpperCase()) {
        case 'DATA':
          inBody = true;
          return say('354 go on');
        case 'QUIT':
          say('221 bye');
          return socket.end();
        default:
          return say('250 fine');
      }
    };
    socket.on('data', (bytes) => {
      rest += bytes;
      for (let end; (end = rest.indexOf('\r\n')) >= 0; ) {
        const text = rest.slice(0, end);
        rest = rest.slice(end + 2);
        line(text);
      }
    });
    say('220 relay.example');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${server.address().port}`,
    mail,
    accept,
    close: async () => {
      for (const socket of open) {
        socket.destroy();
      }
      server.close();
      await once(server, 'close');
    },
  };
}
