/**
 * What our client says to the server of a recording, on its first and its second connection; `(end)` when it ends the
 * stream. Of a capture with two clients in it, each takes its turn.
 */
import { differs, type Verdicts } from "./Verdict.ts"

export const client: Verdicts = {
  "client/close-line": differs("SPEC section 7.1", "each PORT is answered once", {
    "1": ["HELLO", "REGISTER alice", "LISTUSERS", "OK"],
  }),
  "client/crlf": differs(
    "SPEC section 7.2",
    "from PORT until STARTCHAT, which does not come here, LISTUSERS is not sent; each PORT is answered once (7.1)",
    {
      "1": ["HELLO", "REGISTER alice", "OK", "OK"],
    },
  ),
  "client/double-ok-gap": differs("SPEC section 7.1", "each PORT is answered once", {
    "1": ["HELLO", "REGISTER alice", "OK", "OK", "OK", "OK", "OK", "OK"],
  }),
  "client/error-20": differs("SPEC section 7.1", "each PORT is answered once", {
    "1": ["HELLO", "REGISTER alice", "LISTUSERS", "OK"],
  }),
  "client/error-with-PORT": differs(
    "SPEC section 4",
    "the line that ends the original's reader is ignored: the next PORT is answered",
    {
      "1": ["HELLO", "REGISTER alice", "LISTUSERS", "OK"],
    },
  ),
  "client/hello-other": differs("SPEC section 4", "surplus words after HELLO are ignored", {
    "1": ["HELLO", "REGISTER alice"],
  }),
  "client/list-eof": differs("SPEC section 7.3", "a connection closed without a line is normal: a new one is opened", {
    "1": ["HELLO", "REGISTER alice", "LISTUSERS", "(end)"],
    "2": ["HELLO"],
  }),
  "client/list-interleaved": differs(
    "SPEC section 4",
    "a PORT inside of a list is a question, not a name, and is answered; from then on nothing but the answer to the next is sent (7.2)",
    {
      "1": ["HELLO", "REGISTER alice", "LISTUSERS", "OK", "OK"],
    },
  ),
  "client/login": differs("SPEC section 7.1", "each PORT is answered once; port 0, too, is refused: it is none (6.3)", {
    "1": ["HELLO", "REGISTER alice", "LISTUSERS", "CHAT bob", "OK", "ERROR", "ERROR", "ERROR", "OK"],
  }),
  "client/name-empty": differs("SPEC section 7.4", "an empty name is refused before anything is sent", {
    "1": [],
  }),
  "client/name-with-space": differs("SPEC section 7.4", "a name with a blank is refused before anything is sent", {
    "1": [],
  }),
  "client/port-busy": differs("SPEC section 7.1", "each PORT is answered once", {
    "1": ["HELLO", "REGISTER alice", "ERROR", "OK", "ERROR"],
  }),
  "client/port-not-a-number": differs(
    "SPEC section 4",
    "the line that ends the original's reader is ignored: the next PORT is answered",
    {
      "1": ["HELLO", "REGISTER alice", "LISTUSERS", "OK"],
    },
  ),
  "client/port-without-number": differs(
    "SPEC section 4",
    "the line that ends the original's reader is ignored: the next PORT is answered",
    {
      "1": ["HELLO", "REGISTER alice", "LISTUSERS", "OK"],
    },
  ),
  "client/register-readme-style": "same bytes",
  "client/register-user-exists": "same bytes",
  "client/server-closes": differs(
    "SPEC section 7.3",
    "a connection closed without a line is normal: a new one is opened",
    {
      "1": ["HELLO", "REGISTER alice", "(end)"],
      "2": ["HELLO"],
    },
  ),
  "client/server-refuses": differs(
    "SPEC section 4",
    "a server that was not there the first time can be tried again without a restart",
    {
      "1": ["HELLO"],
    },
  ),
  "client/startchat": differs(
    "SPEC section 4",
    "there is one chat at a time, not a window for each: a port for another is refused",
    {
      "1": ["HELLO", "REGISTER alice", "LISTUSERS", "ERROR"],
    },
  ),
  "client/startchat-ipv6": differs(
    "SPEC section 4",
    "there is one chat at a time, not a window for each: a port for another is refused; an address that is none is ignored and ends nothing",
    {
      "1": ["HELLO", "REGISTER alice", "LISTUSERS", "ERROR", "ERROR"],
    },
  ),
  "client/startchat-name-with-PORT": differs(
    "SPEC section 4",
    "the line that ends the original's reader starts a chat like any other (7.2), and a port for another is refused",
    {
      "1": ["HELLO", "REGISTER alice", "LISTUSERS", "ERROR"],
    },
  ),
  "client/startchat-readme-style": differs(
    "SPEC section 7.2",
    "STARTCHAT with three fields starts a chat, and a port for another is refused",
    {
      "1": ["HELLO", "REGISTER alice", "LISTUSERS", "ERROR"],
    },
  ),
  "client/two-ports-at-once": differs("SPEC section 7.1", "each PORT is answered once", {
    "1": ["HELLO", "REGISTER alice", "OK", "OK"],
  }),
  "client/utf8": "same bytes",
  "client/utf8-posix": "same bytes",
  "orig/chat-no-token alice": differs("SPEC section 7.1", "each PORT is answered once", {
    "1": ["HELLO", "REGISTER alice", "LISTUSERS", "CHAT bob", "OK"],
  }),
  "orig/chat-no-token bob": "same bytes",
  "orig/chat-token-lost alice": differs("SPEC section 7.1", "each PORT is answered once", {
    "1": ["HELLO", "REGISTER alice", "LISTUSERS", "CHAT bob", "OK"],
  }),
  "orig/chat-token-lost bob": "same bytes",
  "orig/stall-then-recovered alice": differs("SPEC section 7.1", "each PORT is answered once", {
    "1": ["HELLO", "REGISTER alice", "LISTUSERS", "CHAT bob", "OK", "OK", "LISTUSERS"],
  }),
  "orig/stall-then-recovered bob": differs(
    "SPEC section 7.1",
    "the answer is repeated after ERROR Operation_unknown, once for two that come at once, and nothing else is said until STARTCHAT (7.2)",
    {
      "1": ["HELLO", "REGISTER bob", "OK", "OK", "OK", "LISTUSERS"],
    },
  ),
}
