/**
 * What our chat session sends to the other side of a recording, what texts it shows, and whether it is open at the end.
 * Datagrams repeated in a row count once (SPEC section 8.2). Of a capture with two originals in it, each takes its turn;
 * there each different datagram counts once.
 */
import { differs, type Verdicts } from "./Verdict.ts"

export const peer: Verdicts = {
  "orig/chat-no-token alice": "same bytes",
  "orig/chat-no-token bob": differs(
    "SPEC section 8.4",
    "a lost token is replaced by whoever has not seen one for some seconds",
    {
      sent: [
        "bob\nConnect\n-1391307447\n\n",
        "bob\nMsg\nhi from bob\n\n",
        "bob\nMsg\nanyone there\n\n",
        "bob\nKeepAliveToken\n\n\n",
      ],
    },
  ),
  "orig/chat-token-lost alice": "same bytes",
  "orig/chat-token-lost bob": "same bytes",
  "orig/peers-connect-storm-and-kill ann": "same bytes",
  "orig/peers-connect-storm-and-kill ben": "same bytes",
  "orig/stall-then-recovered alice": "same bytes",
  "orig/stall-then-recovered bob": "same bytes",
  "udp/before-connect": differs(
    "SPEC section 5",
    "whatever the other says shows that it is there, not Connect alone; a Close, which an original never sends (8.5), ends the chat",
    {
      shown: ["too early"],
      state: ["closed_by_peer"],
    },
  ),
  "udp/big": differs(
    "SPEC section 5",
    "a text has at most 4096 bytes, for larger datagrams get lost in pieces; a longer one is refused, and said so",
    {
      sent: ["orig\nConnect\n100\n\n", "orig\nMsg\nLLL… 1411 long"],
    },
  ),
  "udp/big-ipv6": "same bytes",
  "udp/close": differs("SPEC section 8.5", "an original never sends Close: one that comes is ours, and ends the chat", {
    sent: ["orig\nConnect\n100\n\n"],
    shown: [],
    state: ["closed_by_peer"],
  }),
  "udp/connect-again": "same bytes",
  "udp/connect-echo": "same bytes",
  "udp/connect-equal": "same bytes",
  "udp/connect-higher": "same bytes",
  "udp/connect-lower": "same bytes",
  "udp/connect-number-blank": differs(
    "SPEC section 5",
    "a number that is none is ignored, and does not end the receiver: the next datagram opens the chat",
    {
      sent: ["orig\nConnect\n100\n\n", "orig\nKeepAliveToken\n\n\n"],
      shown: ["seen?"],
    },
  ),
  "udp/connect-number-empty": differs(
    "SPEC section 5",
    "a number that is none is ignored, and does not end the receiver: the next datagram opens the chat",
    {
      sent: ["orig\nConnect\n100\n\n", "orig\nKeepAliveToken\n\n\n"],
      shown: ["seen?"],
    },
  ),
  "udp/connect-number-float": differs(
    "SPEC section 5",
    "a number that is none is ignored, and does not end the receiver: the next datagram opens the chat",
    {
      sent: ["orig\nConnect\n100\n\n", "orig\nKeepAliveToken\n\n\n"],
      shown: ["seen?"],
    },
  ),
  "udp/connect-number-plus": "same bytes",
  "udp/connect-number-text": differs(
    "SPEC section 5",
    "a number that is none is ignored, and does not end the receiver: the next datagram opens the chat",
    {
      sent: ["orig\nConnect\n100\n\n", "orig\nKeepAliveToken\n\n\n"],
      shown: ["seen?"],
    },
  ),
  "udp/connect-number-too-big": differs(
    "SPEC section 5",
    "a number that is none is ignored, and does not end the receiver: the next datagram opens the chat",
    {
      sent: ["orig\nConnect\n100\n\n", "orig\nKeepAliveToken\n\n\n"],
      shown: ["seen?"],
    },
  ),
  "udp/connect-signed": "same bytes",
  "udp/malformed-before-connect": "same bytes",
  "udp/malformed-blank-lines": differs(
    "SPEC section 5",
    "what is no message is ignored, and does not end the receiver",
    {
      shown: ["still there?"],
    },
  ),
  "udp/malformed-empty": differs("SPEC section 5", "what is no message is ignored, and does not end the receiver", {
    shown: ["still there?"],
  }),
  "udp/malformed-nul-first": differs("SPEC section 5", "what is no message is ignored, and does not end the receiver", {
    shown: ["still there?"],
  }),
  "udp/malformed-one-line": differs("SPEC section 5", "what is no message is ignored, and does not end the receiver", {
    shown: ["still there?"],
  }),
  "udp/malformed-readme-connect": differs(
    "SPEC section 5",
    "what is no message is ignored, and does not end the receiver",
    {
      shown: ["still there?"],
    },
  ),
  "udp/malformed-readme-style": differs(
    "SPEC section 5",
    "what is no message is ignored, and does not end the receiver",
    {
      shown: ["still there?"],
    },
  ),
  "udp/malformed-two-lines": differs("SPEC section 5", "what is no message is ignored, and does not end the receiver", {
    shown: ["still there?"],
  }),
  "udp/msg": differs(
    "SPEC section 8.1",
    "a text is one line without NUL: line ends and NUL become blanks; who sends from another port is not heard (8.6)",
    {
      sent: [
        "orig\nConnect\n100\n\n",
        "orig\nMsg\nplain\n\n",
        "orig\nMsg\n\n\n",
        "orig\nMsg\ntwo lines\n\n",
        "orig\nMsg\n blanks  \n\n",
        "orig\nMsg\nnul inside\n\n",
        "orig\nMsg\ncr inside\n\n",
      ],
      shown: [
        "hello there",
        "foreign name",
        "",
        "no trailing",
        "crlf",
        "first",
        "a\tb",
        "xxxxxxxxxxxx… 200 long",
        "empty name",
      ],
    },
  ),
  "udp/no-token-no-timeout": differs(
    "SPEC section 8.4",
    "a token is sent when none has been seen for some seconds; a side that says nothing for 20 s is gone (8.5)",
    {
      sent: ["orig\nConnect\n100\n\n", "orig\nKeepAliveToken\n\n\n"],
      shown: [],
      state: ["timeout"],
    },
  ),
  "udp/nonascii-posix": differs("SPEC section 8.6", "text is UTF-8, sent and received", {
    sent: ["orig\nConnect\n100\n\n", "orig\nMsg\né\n\n"],
    shown: ["é"],
  }),
  "udp/nonascii-utf8": differs("SPEC section 8.6", "text received is read as UTF-8, and as Latin-1 where it is none", {
    shown: ["é ü 名 😀", "name too", "ÿþ latin"],
  }),
  "udp/nul": differs("SPEC section 5", "what is no message is ignored, and does not end the receiver", {
    shown: ["ab", "alive", "alive2"],
  }),
  "udp/timeout": differs("SPEC section 8.5", "20 s without a token are the end: nothing is heard or sent any more", {
    sent: ["orig\nConnect\n100\n\n", "orig\nKeepAliveToken\n\n\n"],
    shown: ["at 19 s, no token"],
    state: ["timeout"],
  }),
  "udp/token-every-15s": "same bytes",
  "udp/token-held-5s": "same bytes",
  "udp/token-pingpong": "same bytes",
  "udp/two-tokens": "same bytes",
  "udp/type-case": "same bytes",
}
