/**
 * The frames of a record, by which machine of a chat they are for.
 */
import type * as Delivery from "../../domain/delivery/Delivery.ts"
import type * as Reach from "../../domain/reach/Reach.ts"
import type * as Frame from "../../domain/record/Frame.ts"
import type * as SealedConversation from "../../domain/record/SealedConversation.ts"

export interface SortedFrames {
  readonly own: ReadonlyArray<SealedConversation.OwnFrame>
  readonly aboutPaths: ReadonlyArray<Reach.PathFrame>
  readonly aboutMessages: ReadonlyArray<Delivery.Frame>
}

/** Most records have frames about messages alone: they need no sorting. */
export const of = (frames: ReadonlyArray<Frame.Frame>): SortedFrames =>
  areAboutMessages(frames) ? { own: noneOwn, aboutPaths: noneAboutPaths, aboutMessages: frames } : sorted(frames)

const noneOwn: SortedFrames["own"] = []
const noneAboutPaths: SortedFrames["aboutPaths"] = []

const areAboutMessages = (frames: ReadonlyArray<Frame.Frame>): frames is ReadonlyArray<Delivery.Frame> =>
  frames.every(({ _tag }) => _tag === "Data" || _tag === "Ack")

const sorted = (frames: ReadonlyArray<Frame.Frame>): SortedFrames => {
  const own: Array<SealedConversation.OwnFrame> = []
  const aboutPaths: Array<Reach.PathFrame> = []
  const aboutMessages: Array<Delivery.Frame> = []
  for (const frame of frames) {
    switch (frame._tag) {
      case "Data":
      case "Ack":
        aboutMessages.push(frame)
        break
      case "PathChallenge":
      case "PathResponse":
        aboutPaths.push(frame)
        break
      default:
        own.push(frame)
    }
  }
  return { own, aboutPaths, aboutMessages }
}
