// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Signed} from "../../contracts/Signed.sol";
import {IDocket, ReportState} from "../../contracts/interfaces/IDocket.sol";
import {EpochKind} from "../../contracts/types/Calendar.sol";
import {Epoch, MemberId} from "../../contracts/types/Ids.sol";
import {Header, Verdict} from "../../contracts/types/Report.sol";
import {Seated} from "./Seated.sol";
import {Asking} from "./Subcontracts.sol";

contract ContestTest is Seated {
    Report internal report;
    Epoch internal epoch;
    Asking internal asking;
    MemberId internal cid;

    function setUp() public {
        found(4, 0, EpochKind.Day);
        cid = roster.admit(personOf("cid"));
        asking = new Asking(docket);
        charter.enact(WOOD, address(asking));
        epoch = next(today());
        accept(linesOfBoth());
    }

    /// @notice Accepts a report for the next day over the last.
    function accept(bytes memory payload) internal {
        passDay(epoch);
        report = reportFor(epoch, payload);
        submit(report);
        epoch = next(epoch);
    }

    function contest(string memory who) internal {
        bytes32 digest = digestOf(report);
        vm.prank(personOf(who));
        docket.contest(WOOD, PILE, contested(), digest);
    }

    function refused(string memory who, bytes memory reason) internal {
        address caller = personOf(who);
        bytes32 digest = digestOf(report);
        vm.expectRevert(reason);
        vm.prank(caller);
        docket.contest(WOOD, PILE, contested(), digest);
    }

    function contested() internal view returns (Epoch) {
        return report.header.epoch();
    }

    /* WHICH REPORT */

    function test_R7_10_revertsOnAnotherReport() public {
        bytes24 accepted = bytes24(digestOf(report));
        Report memory right = report;

        report.header = header(contested(), 1, Verdict.Ok);
        refused(
            "ada", abi.encodeWithSelector(IDocket.NotThisReport.selector, bytes24(digestOf(report)), accepted)
        );
        report = right;
        report.parent = bytes32(uint256(1));
        refused(
            "ada", abi.encodeWithSelector(IDocket.NotThisReport.selector, bytes24(digestOf(report)), accepted)
        );
        report = right;
        report.payload = value(1);
        refused(
            "ada", abi.encodeWithSelector(IDocket.NotThisReport.selector, bytes24(digestOf(report)), accepted)
        );
    }

    function test_R7_10_revertsWhereNoneWasAccepted() public {
        report.header = header(epoch, 0, Verdict.Ok);

        refused("ada", abi.encodeWithSelector(IDocket.NotPending.selector, PILE, epoch));
    }

    function test_R7_10_revertsOnSpentReport() public {
        passDay(epoch);
        report = reportFor(epoch, linesOfBoth());
        report.header = header(epoch, 0, Verdict.Stale);
        submit(report);

        refused("ada", abi.encodeWithSelector(IDocket.NotPending.selector, PILE, epoch));
    }

    function test_R7_10_revertsOnSettledReport() public {
        passTime(WINDOW + 1);
        settle(report);

        refused("ada", abi.encodeWithSelector(IDocket.NotPending.selector, PILE, contested()));
    }

    /* WHEN */

    function test_R7_10_revertsAfterTheWindow() public {
        uint256 end = block.timestamp + WINDOW;
        vm.warp(end + 1);

        refused("ada", abi.encodeWithSelector(IDocket.WindowOver.selector, end + 1, end));

        vm.warp(end);
        contest("ada");
    }

    /* WHOSE LINE */

    function test_R7_10_revertsForAStranger() public {
        refused("a stranger", abi.encodeWithSelector(Signed.NotAMember.selector, personOf("a stranger")));
    }

    /// @dev An attack once: charged without a line, and nothing to contest.
    function test_R7_10_whoHasNoLineMayContestToo() public {
        contest("cid");
        accept(value(1));
        contest("cid");

        passTime(WINDOW + 1);
        settle(report);
        vm.assertEq(asking.frozenCount(), 1, "R7.10: whatever the payload is");
        vm.assertEq(uint256(MemberId.unwrap(asking.frozen(0))), MemberId.unwrap(cid), "R7.10: and says");
    }

    function test_R7_10_theLineOfNobodyNeverFreezes() public {
        uint64 deadline = uint64(block.timestamp + 1 days);
        bytes memory signature =
            signed(keyOf("ada"), typed(contestStruct(MemberId.wrap(0), report, 5, deadline)));
        bytes32 digest = digestOf(report);
        Epoch about = contested();

        vm.expectRevert(abi.encodeWithSelector(Signed.SignatureInvalid.selector, address(0)));
        docket.contestBySig(MemberId.wrap(0), WOOD, PILE, about, digest, 5, deadline, signature);
    }

    function test_R16_1_aLeaverMayContest() public {
        roster.leave(ada);

        contest("ada");

        passTime(WINDOW + 1);
        settle(report);
        vm.assertEq(asking.frozenCount(), 1, "R16.1: what is still charged can still be contested");
    }

    /* HOW OFTEN */

    function test_R7_10_revertsOnTheSameLineTwice() public {
        contest("ada");

        refused("ada", abi.encodeWithSelector(IDocket.AlreadyContested.selector, ada));
    }

    function test_R7_10_twoPerMemberIn90Days() public {
        contest("ada");
        uint256 firstAt = vm.getBlockTimestamp();
        accept(linesOfBoth());
        contest("ada");
        uint256 secondAt = vm.getBlockTimestamp();
        accept(linesOfBoth());

        refused(
            "ada",
            abi.encodeWithSelector(IDocket.ContestsUsed.selector, ada, block.timestamp, firstAt + 90 days)
        );
        contest("ben");

        for (uint256 i = 0; i < 88; ++i) {
            accept(linesOfBoth());
        }
        vm.warp(firstAt + 90 days);
        contest("ada");
        accept(linesOfBoth());
        vm.warp(secondAt + 90 days - 1);
        refused(
            "ada",
            abi.encodeWithSelector(
                IDocket.ContestsUsed.selector, ada, secondAt + 90 days - 1, secondAt + 90 days
            )
        );
    }

    /* WHAT IT DOES */

    function test_R7_10_freezesThatLineAlone() public {
        vm.expectEmit(address(docket));
        emit IDocket.LineContested(WOOD, PILE, contested(), ada);
        contest("ada");

        vm.assertTrue(docket.stateOf(WOOD, PILE, contested()) == ReportState.Accepted, "the window goes on");
        passTime(WINDOW + 1);
        vm.assertTrue(docket.stateOf(WOOD, PILE, contested()) == ReportState.Final, "the rest becomes final");
        settle(report);
        vm.assertEq(asking.frozenCount(), 1, "R7.10: one line froze");
        vm.assertEq(uint256(MemberId.unwrap(asking.frozen(0))), MemberId.unwrap(ada), "R7.10: her own");
        vm.assertTrue(
            docket.stateOf(WOOD, PILE, contested()) == ReportState.Settled, "R7.10: the rest settled"
        );
    }

    function test_R7_10_nothingIsFrozenWhereNobodyContested() public {
        passTime(WINDOW + 1);
        settle(report);

        vm.assertEq(asking.frozenCount(), 0, "R7.10: lines freeze only by contest");
    }

    /* BY SIGNATURE */

    function contestStruct(MemberId member, Report memory given, uint256 nonce, uint64 deadline)
        internal
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                keccak256(
                    "ContestLine(string deed,uint16 member,uint16 subcontract,uint16 stream,uint24 epoch,bytes32 report,uint256 nonce,uint64 deadlineUnixSeconds)"
                ),
                keccak256("I contest my own line of this report. Nothing is taken from me for it."),
                member,
                given.header.subcontract(),
                given.header.stream(),
                given.header.epoch(),
                digestOf(given),
                nonce,
                deadline
            )
        );
    }

    function test_R1_8_contestBySig() public {
        uint64 deadline = uint64(block.timestamp + 1 days);
        bytes memory signature = signed(keyOf("ada"), typed(contestStruct(ada, report, 5, deadline)));
        bytes32 digest = digestOf(report);
        Epoch about = contested();

        vm.expectEmit(address(docket));
        emit IDocket.LineContested(WOOD, PILE, contested(), ada);
        docket.contestBySig(ada, WOOD, PILE, about, digest, 5, deadline, signature);

        vm.expectRevert(abi.encodeWithSelector(Signed.NonceAlreadySpent.selector, personOf("ada"), 5));
        docket.contestBySig(ada, WOOD, PILE, about, digest, 5, deadline, signature);
    }

    function test_R1_8_contestBySigRevertsOnAnotherReport() public {
        uint64 deadline = uint64(block.timestamp + 2 days);
        bytes memory signature = signed(keyOf("ada"), typed(contestStruct(ada, report, 5, deadline)));
        accept(linesOfBoth());
        bytes32 digest = digestOf(report);
        Epoch about = contested();

        vm.expectRevert(abi.encodeWithSelector(Signed.SignatureInvalid.selector, personOf("ada")));
        docket.contestBySig(ada, WOOD, PILE, about, digest, 5, deadline, signature);
        vm.expectRevert(abi.encodeWithSelector(Signed.SignatureInvalid.selector, personOf("ben")));
        docket.contestBySig(ben, WOOD, PILE, about, digest, 5, deadline, signature);
    }
}
