/**
 * What our server says to the clients of a recording, line by line; `(end)` when it ends the stream.
 */
import { differs, type Verdicts } from "./Verdict.ts"

const joins = (name: string): ReadonlyArray<string> => ["HELLO", `REGISTERED ${name} OK`]
const list = (...names: ReadonlyArray<string>): ReadonlyArray<string> => ["STARTUSERS", ...names, "ENDUSERS"]
const asks = (...ports: ReadonlyArray<number>): ReadonlyArray<string> => ports.map((port) => `PORT ${port}`)

export const server: Verdicts = {
  "orig/chat-no-token": differs("SPEC section 6.4", "the surplus OK of either side is noise and is not answered", {
    alice: [...joins("alice"), ...list("alice", "bob"), "OK", "PORT 41530", "STARTCHAT 127.0.0.3 41530 bob", "(end)"],
    bob: [...joins("bob"), "PORT 41530", "STARTCHAT 127.0.0.2 41530 alice"],
  }),
  "orig/chat-token-lost": differs("SPEC section 6.4", "the surplus OK of either side is noise and is not answered", {
    alice: [...joins("alice"), ...list("alice", "bob"), "OK", "PORT 59386", "STARTCHAT 127.0.0.3 59386 bob"],
    bob: [...joins("bob"), "PORT 59386", "STARTCHAT 127.0.0.2 59386 alice"],
  }),
  "orig/stall-then-recovered": differs(
    "SPEC section 3",
    "there is no race and no stall: the first port is agreed on at once, and each list is served",
    {
      alice: [
        ...joins("alice"),
        ...list("alice", "bob"),
        "OK",
        "PORT 44134",
        "STARTCHAT 127.0.0.3 44134 bob",
        ...list("alice", "bob"),
      ],
      bob: [
        ...joins("bob"),
        "PORT 44134",
        "STARTCHAT 127.0.0.2 44134 alice",
        ...list("alice", "bob", "ENDUSERS", "STARTUSERS", "alice", "bob"),
      ],
    },
  ),
  "tcp/answers-with-crlf-and-extras": differs(
    "SPEC section 1",
    "a line that is neither OK nor ERROR is not taken for a refusal; surplus words are ignored after OK too, so that the first port is agreed on",
    {
      a: [
        ...joins("a"),
        "OK",
        "PORT 57197",
        "ERROR Operation_unknown",
        "STARTCHAT 127.0.0.3 57197 b",
        "ERROR Operation_unknown",
      ],
      b: [...joins("b"), "PORT 57197", "STARTCHAT 127.0.0.2 57197 a"],
    },
  ),
  "tcp/chat-20-refusals": differs(
    "SPEC section 1",
    "20 refusals are an error, as the README has it, not a chat on the last port refused; surplus lines are noise (6.4)",
    {
      a: [
        ...joins("a"),
        "OK",
        ...asks(
          58759,
          47249,
          45712,
          59921,
          42631,
          53266,
          58087,
          47374,
          57733,
          49045,
          52386,
          51421,
          58075,
          47135,
          52158,
          46641,
          41966,
          48511,
          53571,
          57836,
        ),
        "ERROR Too_many_tries",
        "HELLO",
      ],
      b: [
        ...joins("b"),
        ...asks(
          58759,
          47249,
          45712,
          59921,
          42631,
          53266,
          58087,
          47374,
          57733,
          49045,
          52386,
          51421,
          58075,
          47135,
          52158,
          46641,
          41966,
          48511,
          53571,
          57836,
        ),
        "ERROR Too_many_tries",
        "HELLO",
      ],
    },
  ),
  "tcp/chat-called-refuses": differs(
    "SPEC section 6.4",
    "one ERROR is a refusal, without a stall; the requester's surplus OK does not answer the second PORT, nor does anything else of it, so that time runs out (6.5)",
    {
      a: [...joins("a"), "OK", "PORT 45951", "PORT 48881", "ERROR No_answer"],
      b: [...joins("b"), "PORT 45951", "PORT 48881", "ERROR No_answer"],
    },
  ),
  "tcp/chat-called-refuses-twice": differs(
    "SPEC section 6.4",
    "the second ERROR and the surplus OK are noise and are not answered",
    {
      b: [...joins("b"), "PORT 59100", "PORT 40072", "STARTCHAT 127.0.0.2 40072 a"],
    },
  ),
  "tcp/chat-called-silent": differs(
    "SPEC section 6.5",
    "silence ends the negotiation after 5 s, both sides are told and served again",
    {
      a: [
        ...joins("a"),
        "OK",
        "PORT 52314",
        "ERROR No_answer",
        ...list("a", "b", "c"),
        "PORT 41561",
        "ERROR No_answer",
      ],
      b: [...joins("b"), "PORT 52314", "ERROR No_answer"],
      c: [...joins("c"), ...list("a", "b", "c"), "OK", "PORT 41561", "ERROR No_answer"],
    },
  ),
  "tcp/chat-gone": "same bytes",
  "tcp/chat-noname": differs(
    "SPEC section 2",
    "a malformed line is answered, not met by closing the connection, which an original client could not mend (6.5)",
    {
      a: [...joins("a"), "ERROR Malformed"],
    },
  ),
  "tcp/chat-ok-double": differs("SPEC section 6.4", "the surplus OK of either side is noise and is not answered", {
    a: [...joins("a"), "OK", "PORT 48908", "STARTCHAT 127.0.0.3 48908 b", "HELLO"],
    b: [...joins("b"), "PORT 48908", "STARTCHAT 127.0.0.2 48908 a", "HELLO"],
  }),
  "tcp/chat-ok-single": differs("SPEC section 6.4", "one OK is an answer: there is no stall", {
    a: [...joins("a"), "OK", "PORT 47080", "STARTCHAT 127.0.0.3 47080 b"],
    b: [...joins("b"), "PORT 47080", "STARTCHAT 127.0.0.2 47080 a"],
  }),
  "tcp/chat-pipelined": differs(
    "SPEC section 6.4",
    "one reader a connection: LISTUSERS and HELLO are served, not taken for answers to PORT",
    {
      a: [...joins("a"), "OK", "PORT 56878", ...list("a", "b"), "HELLO", "STARTCHAT 127.0.0.3 56878 b"],
      b: [...joins("b"), "PORT 56878", "STARTCHAT 127.0.0.2 56878 a"],
    },
  ),
  "tcp/chat-requester-refuses": differs(
    "SPEC section 6.4",
    "the surplus OK of either side is noise and is not answered",
    {
      b: [...joins("b"), "PORT 59983", "PORT 53767", "PORT 41578", "PORT 41312", "STARTCHAT 127.0.0.2 41312 a"],
    },
  ),
  "tcp/chat-requester-silent": differs(
    "SPEC section 6.5",
    "both are asked at once, silence ends it after 5 s, and LISTUSERS is served, not taken for a refusal (6.4)",
    {
      a: [...joins("a"), "OK", "PORT 58071", "ERROR No_answer", ...list("a", "b")],
      b: [...joins("b"), "PORT 58071", "ERROR No_answer"],
    },
  ),
  "tcp/chat-second-line-other": differs(
    "SPEC section 6.4",
    "one OK is an answer, and LISTUSERS is served, not taken for a refusal",
    {
      a: [...joins("a"), "OK", "PORT 57495", "STARTCHAT 127.0.0.3 57495 b"],
      b: [...joins("b"), "PORT 57495", "STARTCHAT 127.0.0.2 57495 a", ...list("a", "b")],
    },
  ),
  "tcp/chat-self": differs(
    "SPEC section 6.6",
    "both ends of a chat use one port number: nobody can chat with himself, and who tries is told so",
    {
      a: [...joins("a"), "ERROR Self_call"],
    },
  ),
  "tcp/chat-self-double": differs(
    "SPEC section 6.6",
    "both ends of a chat use one port number: nobody can chat with himself, and who tries is told so",
    {
      a: [...joins("a"), "ERROR Self_call"],
    },
  ),
  "tcp/chat-stale-ok": differs(
    "SPEC section 6.4",
    "a surplus OK does not answer the next PORT: the refusal of the second port counts, a third is asked for, which nobody answers here",
    {
      a: [...joins("a"), "OK", "PORT 54414", "PORT 52149", "PORT 40001", "ERROR No_answer"],
      b: [...joins("b"), "PORT 54414", "PORT 52149", "PORT 40001", "ERROR No_answer"],
    },
  ),
  "tcp/chat-unknown": differs("SPEC section 6.5", "both are asked at once, and silence ends it after 5 s", {
    a: [...joins("a"), "ERROR User_not_online", "OK", "PORT 56773", "ERROR No_answer"],
    b: [...joins("b"), "PORT 56773", "ERROR No_answer"],
  }),
  "tcp/close": "same bytes",
  "tcp/close-as-answer": differs(
    "SPEC section 6.5",
    "CLOSE is CLOSE in a negotiation too, and who is left is told by an ERROR line and stays connected",
    {
      a: [...joins("a"), "OK", "PORT 45912", "CLOSE", "(end)"],
      b: [...joins("b"), "PORT 45912", "ERROR Peer_gone", "CLOSE", "(end)"],
    },
  ),
  "tcp/close-guest": "same bytes",
  "tcp/crossed-calls": differs(
    "SPEC section 3",
    "two who call each other get one chat, not two; the surplus OK of either side is noise and is not answered (6.4)",
    {
      a: [...joins("a"), "OK", "PORT 50004", "STARTCHAT 127.0.0.3 50004 b", "HELLO"],
      b: [...joins("b"), "PORT 50004", "OK", "STARTCHAT 127.0.0.2 50004 a", "HELLO"],
    },
  ),
  "tcp/disconnect-called-before-answer": differs(
    "SPEC section 6.5",
    "who is left is told by an ERROR line and stays connected",
    {
      a: [...joins("a"), "OK", "PORT 41752", "ERROR Peer_gone", "HELLO"],
    },
  ),
  "tcp/disconnect-called-before-requester-answers": differs(
    "SPEC section 6.5",
    "both are asked at once; who is left is told by an ERROR line and stays connected",
    {
      a: [...joins("a"), "OK", "PORT 50282", "ERROR Peer_gone", "HELLO"],
      b: [...joins("b"), "PORT 50282", "(end)"],
    },
  ),
  "tcp/disconnect-called-reset": differs(
    "SPEC section 6.5",
    "who is left is told by an ERROR line and stays connected",
    {
      a: [...joins("a"), "OK", "PORT 55721", "ERROR Peer_gone", "HELLO"],
    },
  ),
  "tcp/disconnect-requester-while-asked": differs(
    "SPEC section 6.5",
    "both are asked at once; who is left is told by an ERROR line and stays connected",
    {
      b: [...joins("b"), "PORT 47067", "ERROR Peer_gone", ...list("b")],
    },
  ),
  "tcp/disconnect-requester-while-called-asked": differs(
    "SPEC section 6.5",
    "who is gone is gone at once, from the list too; who is left is told by an ERROR line and stays connected",
    {
      a: [...joins("a"), "OK", "PORT 43367", "(end)"],
      b: [...joins("b"), "PORT 43367", "ERROR Peer_gone", "HELLO"],
      c: [...joins("c"), ...list("b", "c", "ENDUSERS", "STARTUSERS", "b", "c")],
    },
  ),
  "tcp/eof-no-lf": "same bytes",
  "tcp/fragmented": "same bytes",
  "tcp/hello": "same bytes",
  "tcp/ipv6": differs("SPEC section 6.4", "the surplus OK of either side is noise and is not answered", {
    b: ["REGISTERED b OK", "PORT 49959", "STARTCHAT 0:0:0:0:0:0:0:1 49959 a"],
  }),
  "tcp/list": "same bytes",
  "tcp/long-line": differs(
    "SPEC section 2",
    "a line has at most 4 KiB, a name at most 32 characters (6.2): nothing is kept without bound",
    {
      a: ["ERROR Too_long", "ERROR Too_long", "ERROR Not_registered"],
      b: ["ERROR Too_long", "HELLO"],
    },
  ),
  "tcp/register": "same bytes",
  "tcp/register-odd": differs(
    "SPEC section 6.2",
    "names that are empty or have control characters in them are refused, by a line and not by closing the connection (6.5)",
    {
      b: ["ERROR Malformed"],
      c: ["ERROR Name_invalid"],
      d: ["ERROR Name_invalid", "ERROR Not_registered"],
      e: ["ERROR Operation_unknown", "ERROR Name_invalid", "ERROR Not_registered"],
      f: ["ERROR Name_invalid", "ERROR Name_invalid"],
    },
  ),
  "tcp/rst": "same bytes",
  "tcp/two-callers": differs(
    "SPEC section 3",
    "a third caller is told that the one called is busy, instead of an answer settling the port of either",
    {
      a: [...joins("a"), "OK", "PORT 59797", "STARTCHAT 127.0.0.4 59797 c"],
      b: [...joins("b"), "ERROR Busy"],
      c: [...joins("c"), "PORT 59797", "STARTCHAT 127.0.0.2 59797 a"],
    },
  ),
  "tcp/two-callers-single": differs(
    "SPEC section 3",
    "a third caller is told that the one called is busy, instead of an answer settling the port of either",
    {
      b: [...joins("b"), "ERROR Busy"],
      c: [...joins("c"), "PORT 57049", "STARTCHAT 127.0.0.2 57049 a"],
    },
  ),
  "tcp/unknown": differs(
    "SPEC section 2",
    "a line of blanks is an unknown operation like any other, not the end of the connection (6.5)",
    {
      b: ["ERROR Operation_unknown"],
      c: ["ERROR Operation_unknown"],
    },
  ),
  "tcp/utf8-name-posix": differs(
    "SPEC section 2",
    "text is UTF-8 wherever the server runs: different names stay different",
    {
      a: ["REGISTERED zoë OK", ...list("zoë")],
      b: ["REGISTERED zoï OK"],
    },
  ),
  "tcp/utf8-name-utf8": "same bytes",
}
