/**
 * Why a profile can't be used, in words that say what to do: nothing is repaired, replaced or ignored silently, for
 * whoever changes what lies there may be somebody else.
 */
import * as Schema from "effect/Schema"
import { exitCodes, make, type Problem } from "../../domain/Problem.ts"

const reasons = [
  "Missing",
  "Symlink",
  "TooOpen",
  "NotOurs",
  "NotAFile",
  "TooLarge",
  "Io",
  "Damaged",
  "TooNew",
  "Edited",
  "RolledBack",
  "WrongPassphrase",
  "PassphraseNeeded",
  "PassphraseUnfit",
  "Busy",
  "AlreadyThere",
  "IdentityLost",
  "NoHome",
] as const
type Reason = (typeof reasons)[number]

/** @property path the file or folder it is about */
export class ProfileError extends Schema.TaggedError<ProfileError>("nomitm/ProfileError")("ProfileError", {
  reason: Schema.Literals(reasons),
  path: Schema.String,
  /** Of `Io`: the system's code word, such as `ENOSPC`. */
  detail: Schema.optionalKey(Schema.String),
}) {
  override get message(): string {
    return this.problem.message
  }
  get hint(): string {
    return this.problem.hint
  }
  /** For a person and for a script; what lies under somebody's key and is not theirs is as a wrong key: exit code 4. */
  get problem(): Problem {
    const [code, message, hint, exitCode] = explanations[this.reason](this.path, this.detail)
    return make(code, message, hint, exitCode)
  }
}

type Explanation = readonly [code: string, message: string, hint: string, exitCode?: number]

const startAnew =
  "Restore the whole folder from a backup; or move contacts, invitations and state away, and begin anew."

const explanations: Record<Reason, (path: string, detail: string | undefined) => Explanation> = {
  Missing: (path) => ["Profile_missing", `There is no ${path}.`, "nomitm id makes a profile; check --home."],
  Symlink: (path) => [
    "Profile_symlink",
    `${path} is a symbolic link.`,
    "Give the place itself with --home, or put it there.",
  ],
  TooOpen: (path) => [
    "Profile_too_open",
    `${path} can be used by other users of this machine.`,
    `If nobody else was there: chmod 700 the folder, chmod 600 the files in it.`,
  ],
  NotOurs: (path) => [
    "Profile_not_ours",
    `${path} belongs to another user.`,
    "Run as that user, or give another --home.",
  ],
  NotAFile: (path) => [
    "Profile_not_a_file",
    `${path} is not what it should be.`,
    "Move it away, or give another --home.",
  ],
  TooLarge: (path) => ["Profile_damaged", `${path} is larger than it can be.`, "Restore it from a backup."],
  Io: (path, detail) => [
    "Profile_io",
    `${path} can't be used (${detail ?? "unknown"}).`,
    "Check that the folder can be written and the disk is not full.",
  ],
  Damaged: (path) => [
    "Profile_damaged",
    `${path} is not what nomitm wrote.`,
    "Restore it from a backup, or move it away and use the recovery words: nomitm id --restore.",
  ],
  TooNew: (path) => ["Profile_too_new", `${path} was written by a later version.`, "Update nomitm."],
  Edited: (path) => [
    "Profile_edited",
    `${path} was changed by something else, or belongs to another key.`,
    startAnew,
    exitCodes.authentication,
  ],
  RolledBack: (path) => [
    "Profile_rolled_back",
    `${path} is not the one written last: an old copy, or it is gone.`,
    startAnew,
    exitCodes.authentication,
  ],
  WrongPassphrase: (path) => [
    "Wrong_passphrase",
    `The passphrase does not open ${path}.`,
    "Type it again, or check NOMITM_PASSPHRASE.",
    exitCodes.authentication,
  ],
  PassphraseNeeded: (path) => [
    "Passphrase_needed",
    `${path} is sealed by a passphrase.`,
    "Set NOMITM_PASSPHRASE, or run this at a terminal.",
    exitCodes.authentication,
  ],
  PassphraseUnfit: () => ["Passphrase_unfit", "A passphrase has 1 to 1,024 bytes.", "Choose another."],
  Busy: (path) => [
    "Profile_busy",
    `Another nomitm uses the profile at ${path}.`,
    "Stop it first, or give another folder with --home.",
  ],
  AlreadyThere: (path) => [
    "Profile_exists",
    `There is an identity at ${path} already.`,
    "Give another folder with --home, or move it away.",
  ],
  IdentityLost: (path) => [
    "Identity_lost",
    `There is no ${path}, but contacts of the one that was there.`,
    "Restore it from a backup, or with the recovery words: nomitm id --restore; or move the folder away.",
  ],
  NoHome: () => ["Profile_no_home", "There is no home directory to keep a profile in.", "Give a folder with --home."],
}
