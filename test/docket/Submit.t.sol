// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IDocket, ReportState} from "../../contracts/interfaces/IDocket.sol";
import {Seal} from "../../contracts/libraries/Seal.sol";
import {Calendar, EpochKind} from "../../contracts/types/Calendar.sol";
import {Epoch, SeatId, StreamId, SubcontractId} from "../../contracts/types/Ids.sol";
import {Header, Verdict} from "../../contracts/types/Report.sol";
import {Seated} from "./Seated.sol";

contract SubmitTest is Seated {
    Epoch internal first;

    function setUp() public {
        found(4, 1, EpochKind.Day);
        first = next(today());
        passDay(first);
    }

    function prepared(Epoch epoch) internal view returns (Report memory) {
        return reportFor(epoch, value(Epoch.unwrap(epoch)));
    }

    /// @notice Submits what was signed by the lowest quorum, expecting this refusal.
    function refused(Report memory report, bytes memory reason) internal {
        bytes memory signatures = seal(digestOf(report), quorumBits());
        Header sealed_ = withSigners(report.header, quorumBits());
        vm.expectRevert(reason);
        docket.submit(sealed_, ROOT, report.payload, signatures);
    }

    /// @notice Expects that what is submitted does not recover to the first seat.
    function badSeal(Header head, bytes32 root, bytes memory payload, bytes memory signatures) internal {
        vm.expectPartialRevert(Seal.SignatureNotOfSeat.selector);
        docket.submit(head, root, payload, signatures);
    }

    /* IGNITION AND VERSION */

    function test_R7_4_revertsBeforeIgnition() public {
        foundSeats(4, 0);
        EpochKind[] memory kinds = new EpochKind[](1);
        enrolStreams(kinds);
        registerAll();
        passDay(first);
        Report memory report = Report(header(WOOD, PILE, first, 0, 0, 0), 0, value(1));
        bytes memory signatures = seal(digestOf(report), 1);

        vm.expectPartialRevert(IDocket.StreamUnknown.selector);
        docket.submit(header(WOOD, StreamId.wrap(2), first, 0, 0, 0), ROOT, "", signatures);
        vm.expectRevert(abi.encodeWithSelector(IDocket.EpochNotAccruing.selector, first));
        docket.submit(withSigners(report.header, 1), ROOT, report.payload, signatures);
        // Even a subcontract that accrued would find no seat to sign for it.
        charter.enact(WOOD, address(wood));
        Epoch third = next(next(first));
        passDay(third);
        report.header = header(WOOD, PILE, third, 0, 0, 0);
        signatures = seal(digestOf(report), 1);
        vm.expectRevert(abi.encodeWithSelector(Seal.SignerNotSeated.selector, 1, 0));
        docket.submit(withSigners(report.header, 1), ROOT, report.payload, signatures);
    }

    function test_R7_4_revertsOnOldVersion() public {
        Report memory report = prepared(first);
        bytes memory signatures = seal(digestOf(report), quorumBits());
        Header sealed_ = withSigners(report.header, quorumBits());
        vm.prank(identityOf(3));
        committee.resign(SeatId.wrap(3));

        vm.expectRevert(abi.encodeWithSelector(IDocket.VersionNotCurrent.selector, 1, 2));
        docket.submit(sealed_, ROOT, report.payload, signatures);
    }

    function test_R7_4_revertsOnFutureVersion() public {
        Report memory report = prepared(first);
        report.header = header(WOOD, PILE, first, 0, 2, 0);

        refused(report, abi.encodeWithSelector(IDocket.VersionNotCurrent.selector, 2, 1));
    }

    function test_R7_4_newVersionsSealIsAccepted() public {
        vm.prank(identityOf(3));
        committee.resign(SeatId.wrap(3));

        submit(prepared(first));

        vm.assertEq(uint256(committee.version()), 2, "a seat less is a version more");
    }

    /* HEAD */

    function test_R7_5_revertsOnVerdictOutOfRange() public {
        for (uint256 verdict = 3; verdict < 256; verdict += 84) {
            Report memory report = prepared(first);
            report.header = header(WOOD, PILE, first, 0, 1, uint8(verdict));
            refused(
                report,
                abi.encodeWithSelector(
                    IDocket.HeaderMalformed.selector, withSigners(report.header, quorumBits())
                )
            );
        }
    }

    function test_R7_3_revertsOnMeaninglessBits() public {
        for (uint256 bit = 32; bit < 40; ++bit) {
            Report memory report = prepared(first);
            report.header = Header.wrap(Header.unwrap(report.header) | 1 << bit);
            refused(
                report,
                abi.encodeWithSelector(
                    IDocket.HeaderMalformed.selector, withSigners(report.header, quorumBits())
                )
            );
        }
    }

    function test_R7_1_revertsOnWrongPairOfSubcontractAndStream() public {
        Report memory report = prepared(first);
        SubcontractId other = SubcontractId.wrap(2);

        report.header = header(other, PILE, first, 0, 1, 0);
        refused(report, abi.encodeWithSelector(IDocket.StreamUnknown.selector, other, PILE));
        report.header = header(WOOD, StreamId.wrap(2), first, 0, 1, 0);
        refused(report, abi.encodeWithSelector(IDocket.StreamUnknown.selector, WOOD, StreamId.wrap(2)));
        report.header = header(SubcontractId.wrap(0), StreamId.wrap(9), first, 0, 1, 0);
        refused(
            report,
            abi.encodeWithSelector(IDocket.StreamUnknown.selector, SubcontractId.wrap(0), StreamId.wrap(9))
        );
    }

    /* WHEN */

    function test_R7_4_revertsBeforeTheEpochIsOver() public {
        vm.warp(endOf(first) - 1);

        refused(
            prepared(first),
            abi.encodeWithSelector(IDocket.EpochNotClosed.selector, first, endOf(first) - 1, endOf(first))
        );

        vm.warp(endOf(first));
        submit(prepared(first));
    }

    function test_R7_4_revertsOnEpochOfTheFarFuture() public {
        Header future = header(Epoch.wrap(type(uint24).max), 0, Verdict.Ok);

        vm.expectPartialRevert(IDocket.EpochNotClosed.selector);
        docket.submit(future, ROOT, "", "");
    }

    function test_R7_revertsLaterThan30Days() public {
        uint256 latest = endOf(first) + 30 days;
        vm.warp(latest + 1);

        refused(
            prepared(first), abi.encodeWithSelector(IDocket.EpochTooLate.selector, first, latest + 1, latest)
        );

        vm.warp(latest);
        submit(prepared(first));
    }

    /// @dev Numbers before 1970 must not trip the calendar.
    function test_R7_revertsOnTheOldestEpochs() public {
        for (uint8 kind = 0; kind < 3; ++kind) {
            found(4, 0, EpochKind(kind));
            Header oldest = header(Epoch.wrap(0), 0, Verdict.Ok);
            bool over = EpochKind(kind) != EpochKind.Period; // period 0 is the one that runs

            vm.expectPartialRevert(over ? IDocket.EpochTooLate.selector : IDocket.EpochNotClosed.selector);
            docket.submit(oldest, ROOT, "", "");
        }
    }

    /* THE FIRST */

    function test_R7_1_revertsOnEpochThatBeganBeforeEnactment() public {
        Epoch before = Epoch.wrap(Epoch.unwrap(first) - 1);

        refused(prepared(before), abi.encodeWithSelector(IDocket.EpochNotAccruing.selector, before));
    }

    function test_R7_3_firstIsAcceptedOverNoParent() public {
        Report memory report = prepared(first);
        vm.assertEq(report.parent, 0, "nothing precedes the first report");

        submit(report);

        (bytes24 head, Epoch epoch) = docket.head(PILE);
        vm.assertEq(bytes32(head), bytes32(bytes24(digestOf(report))), "R7.3: it is the head now");
        vm.assertEq(uint256(Epoch.unwrap(epoch)), Epoch.unwrap(first), "with its epoch");
    }

    function test_R7_revertsOnSecondBeforeFirst() public {
        passDay(next(first));

        refused(
            prepared(next(first)),
            abi.encodeWithSelector(IDocket.EpochOutOfOrder.selector, next(first), first)
        );
    }

    function test_R7_firstMayBeMissedForGood() public {
        vm.warp(endOf(first) + 30 days + 1);

        submit(prepared(next(first)));

        refused(
            prepared(first),
            abi.encodeWithSelector(
                IDocket.EpochTooLate.selector, first, block.timestamp, endOf(first) + 30 days
            )
        );
    }

    /* IN ORDER */

    function test_R7_4_acceptsInOrder() public {
        submit(prepared(first));
        passDay(next(first));
        Report memory report = prepared(next(first));
        Header sealed_ = withSigners(report.header, 0xd);
        bytes memory signatures = seal(digestOf(report), 0xd);

        vm.expectEmit(address(docket));
        emit IDocket.Accepted(sealed_, ROOT, report.payload);
        docket.submit(sealed_, ROOT, report.payload, signatures);

        (bytes24 digest, uint40 at) = docket.accepted(WOOD, PILE, next(first));
        vm.assertEq(bytes32(digest), bytes32(bytes24(digestOf(report))), "R7.4: 192 bits of the digest");
        vm.assertEq(uint256(at), block.timestamp, "and the time");
        vm.assertTrue(
            docket.stateOf(WOOD, PILE, next(first)) == ReportState.Accepted, "R7.10: its window runs"
        );
    }

    function test_R7_3_revertsOnWrongParent() public {
        submit(prepared(first));
        passDay(next(first));
        Report memory report = prepared(next(first));
        report.parent = bytes32(uint256(report.parent) ^ 1 << 200);

        badSeal(
            withSigners(report.header, quorumBits()),
            ROOT,
            report.payload,
            seal(digestOf(report), quorumBits())
        );
        report.parent = 0;
        badSeal(
            withSigners(report.header, quorumBits()),
            ROOT,
            report.payload,
            seal(digestOf(report), quorumBits())
        );
    }

    function test_R7_4_revertsOnSecondReportForAKey() public {
        Report memory report = prepared(first);
        Report memory other = Report(header(first, 1, Verdict.Ok), 0, value(7));
        submit(report);

        refused(report, abi.encodeWithSelector(IDocket.AlreadyAccepted.selector, first));
        refused(other, abi.encodeWithSelector(IDocket.AlreadyAccepted.selector, first));

        passDay(next(first));
        submit(prepared(next(first)));
        refused(other, abi.encodeWithSelector(IDocket.AlreadyAccepted.selector, first));
        passDay(next(next(first)));
        Report memory again =
            Report(header(next(first), 3, Verdict.Ok), bytes32(bytes24(digestOf(report))), value(8));
        refused(again, abi.encodeWithSelector(IDocket.AlreadyAccepted.selector, next(first)));
    }

    function test_R7_anyAttemptMayLandFirst() public {
        Report memory late = Report(header(first, 41, Verdict.Ok), 0, value(7));

        submit(late);

        vm.assertTrue(
            docket.stateOf(WOOD, PILE, first) == ReportState.Accepted, "R7.4: whichever lands first"
        );
    }

    /* MISSING EPOCHS */

    function test_R7_revertsOverAnEpochThatCanStillBeReported() public {
        submit(prepared(first));
        Epoch third = next(next(first));
        passDay(third);

        refused(prepared(third), abi.encodeWithSelector(IDocket.EpochOutOfOrder.selector, third, next(first)));
    }

    function test_R7_passesOverALapsedEpoch() public {
        submit(prepared(first));
        Epoch second = next(first);
        Epoch third = next(second);
        vm.warp(endOf(second) + 30 days + 1);
        Report memory report = prepared(third);

        submit(report);

        vm.assertTrue(docket.stateOf(WOOD, PILE, second) == ReportState.Lapsed, "what nobody reported lapsed");
        vm.assertTrue(docket.stateOf(WOOD, PILE, third) == ReportState.Accepted, "the next one counts");
        uint256 latest = endOf(second) + 30 days;
        refused(
            prepared(second),
            abi.encodeWithSelector(IDocket.EpochTooLate.selector, second, latest + 1, latest)
        );
    }

    function test_R7_passesOverAnEpochThatDidNotAccrue() public {
        submit(prepared(first));
        Epoch second = next(first);
        Epoch third = next(second);
        charter.rest(WOOD, uint40(endOf(first)), uint40(endOf(second)));
        passDay(third);
        Report memory missing =
            Report(header(second, 0, Verdict.Ok), bytes32(bytes24(digestOf(prepared(first)))), value(2));
        missing.parent = prepared(third).parent;

        submit(prepared(third));

        refused(missing, abi.encodeWithSelector(IDocket.EpochBehindHead.selector, second, third));
    }

    function test_R7_revertsOverAnAccruingEpochBehindOneThatDidNot() public {
        submit(prepared(first));
        Epoch second = next(first);
        Epoch third = next(second);
        Epoch fourth = next(third);
        charter.rest(WOOD, uint40(endOf(second)), uint40(endOf(third)));
        passDay(fourth);

        refused(prepared(fourth), abi.encodeWithSelector(IDocket.EpochOutOfOrder.selector, fourth, second));

        submit(prepared(second));
        submit(prepared(fourth));
    }

    /* WHAT WAS SIGNED */

    function testFuzz_R7_3_revertsOnAnyFieldTampered(uint256 bit) public {
        submit(prepared(first));
        passDay(next(first));
        Report memory report = prepared(next(first));
        bytes memory signatures = seal(digestOf(report), quorumBits());
        Header sealed_ = withSigners(report.header, quorumBits());
        bit = bound(bit, 0, 511);

        if (bit >= 256) {
            badSeal(sealed_, ROOT ^ bytes32(1 << (bit - 256)), report.payload, signatures);
            return;
        }
        vm.expectRevert();
        docket.submit(Header.wrap(Header.unwrap(sealed_) ^ 1 << bit), ROOT, report.payload, signatures);
    }

    function test_R7_3_revertsOnAttemptTampered() public {
        Report memory report = prepared(first);
        bytes memory signatures = seal(digestOf(report), quorumBits());

        badSeal(withSigners(header(first, 1, Verdict.Ok), quorumBits()), ROOT, report.payload, signatures);
    }

    function testFuzz_R7_3_revertsOnPayloadTampered(bytes memory payload) public {
        Report memory report = prepared(first);
        vm.assume(keccak256(payload) != keccak256(report.payload));

        badSeal(withSigners(report.header, quorumBits()), ROOT, payload, seal(digestOf(report), quorumBits()));
    }

    function test_R7_3_revertsOnAnotherChain() public {
        Report memory report = prepared(first);
        bytes memory signatures = seal(digestOf(report), quorumBits());
        vm.chainId(999);

        badSeal(withSigners(report.header, quorumBits()), ROOT, report.payload, signatures);
    }

    function testFuzz_R7_3_acceptsAnyPayload(bytes memory payload, uint16 attempt) public {
        Report memory report = Report(header(first, attempt, Verdict.Ok), 0, payload);

        submit(report);

        (bytes24 digest,) = docket.accepted(WOOD, PILE, first);
        vm.assertEq(bytes32(digest), bytes32(bytes24(digestOf(report))), "R7.3: the payload is carried whole");
    }

    /* VERDICTS AND THE RING */

    function test_R7_5_staleAndContestedAreSpent() public {
        Report memory stale = Report(header(first, 0, Verdict.Stale), 0, "");
        submit(stale);
        passDay(next(first));
        submit(Report(header(next(first), 0, Verdict.Contested), bytes32(bytes24(digestOf(stale))), ""));

        vm.assertTrue(docket.stateOf(WOOD, PILE, first) == ReportState.Spent, "R7.5: STALE moves nothing");
        vm.assertTrue(
            docket.stateOf(WOOD, PILE, next(first)) == ReportState.Spent, "R7.5: CONTESTED moves nothing"
        );
    }

    function test_R7_goesRoundTheRing() public {
        Epoch epoch = first;
        bytes32[] memory digests = new bytes32[](70);
        for (uint256 i = 0; i < 70; ++i) {
            passDay(epoch);
            Report memory report = prepared(epoch);
            submit(report);
            digests[i] = bytes32(bytes24(digestOf(report)));
            epoch = next(epoch);
        }

        (bytes24 head,) = docket.head(PILE);
        vm.assertEq(bytes32(head), digests[69], "the last accepted is the head");
        (bytes24 digest,) = docket.accepted(WOOD, PILE, first);
        vm.assertEq(bytes32(digest), 0, "what was overwritten is not remembered");
        vm.assertTrue(docket.stateOf(WOOD, PILE, first) == ReportState.Lapsed, "and over");
        (digest,) = docket.accepted(WOOD, PILE, Epoch.wrap(Epoch.unwrap(first) + 6));
        vm.assertEq(bytes32(digest), digests[6], "64 are");
    }

    function testFuzz_R7_resumesAfterAnySilence(uint256 silence) public {
        submit(prepared(first));
        silence = bound(silence, 31, 400);
        Epoch later = Epoch.wrap(Epoch.unwrap(first) + uint24(silence));
        vm.warp(endOf(Epoch.wrap(Epoch.unwrap(later) - 1)) + 30 days + 1);
        Report memory report = prepared(later);

        submit(report);

        (bytes24 head,) = docket.head(PILE);
        vm.assertEq(bytes32(head), bytes32(bytes24(digestOf(report))), "R7: over the last parent there is");
    }

    function test_R7_weeksAndPeriodsBeginWhereTheCalendarSays() public {
        for (uint8 i = 1; i < 3; ++i) {
            EpochKind kind = EpochKind(i);
            found(4, 0, kind);
            uint40 t0 = charter.t0();
            Epoch epoch = Calendar.epochAt(kind, block.timestamp, TZ, t0);
            if (Calendar.epochBegin(kind, epoch, TZ, t0) < block.timestamp) epoch = next(epoch);
            uint256 end = Calendar.epochBegin(kind, next(epoch), TZ, t0);

            vm.warp(end - 1);
            refused(
                prepared(epoch), abi.encodeWithSelector(IDocket.EpochNotClosed.selector, epoch, end - 1, end)
            );
            vm.warp(end);
            submit(prepared(epoch));
        }
    }

    /* REORGANISATION */

    function test_R7_3_whatWasSignedOverAVanishedParentCannotLand() public {
        uint256 fork = vm.snapshotState();
        submit(prepared(first));
        passDay(next(first));
        Report memory child = prepared(next(first));
        bytes memory signatures = seal(digestOf(child), quorumBits());
        Header sealed_ = withSigners(child.header, quorumBits());

        vm.revertToState(fork);
        submit(Report(header(first, 1, Verdict.Stale), 0, ""));
        passDay(next(first));

        badSeal(sealed_, ROOT, child.payload, signatures);
        submit(prepared(next(first)));
    }

    function test_R7_4_streamsDoNotTouchEachOther() public {
        foundSeats(4, 0);
        EpochKind[] memory kinds = new EpochKind[](2);
        enrolStreams(kinds);
        registerAll();
        charter.ignite();
        charter.enact(WOOD, address(0xcafe));
        passDay(first);
        submit(prepared(first));
        Report memory other = prepared(first);
        other.parent = 0;
        other.header = header(WOOD, StreamId.wrap(2), first, 0, 1, 0);

        submit(other);

        vm.assertTrue(
            docket.stateOf(WOOD, StreamId.wrap(2), first) == ReportState.Accepted, "each stream its own ring"
        );
    }
}
