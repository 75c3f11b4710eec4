// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {MandateCaps} from "../../contracts/interfaces/ICharter.sol";
import {IDocket} from "../../contracts/interfaces/IDocket.sol";
import {WoodLine} from "../../contracts/subcontracts/IFirewood.sol";
import {Epoch, StreamId, SubcontractId} from "../../contracts/types/Ids.sol";
import {Header, Verdict} from "../../contracts/types/Report.sol";
import {Draft, SealedReport, Village} from "../Village.sol";

/// @notice Every seat has gone bad. What a member can lose is what they signed, and the stories here say so in figures.
contract CorruptQuorumTest is Village {
    uint256 internal constant MEMBERS = 7;
    uint64 internal constant PURSE = 100e6;
    uint64 internal constant PER_EVENT = 17e6;
    uint64 internal constant PER_PERIOD = 47e6;
    uint64 internal constant SHARED = 1e6;
    uint64 internal constant GLOBAL = 50e6;

    function setUp() public {
        found(MEMBERS, 4);
    }

    /// @notice As much wood as a line can say, for each member, and as much again that nobody took.
    function robbery(uint256 from, uint256 to) internal pure returns (bytes memory) {
        WoodLine[] memory lines = new WoodLine[](to - from + 1);
        for (uint256 i; i < lines.length; ++i) {
            lines[i] = WoodLine(memberId(from + i), type(uint16).max, 65_535_000);
        }
        return payloadOf(lines, type(uint32).max, type(uint32).max);
    }

    function lossOf(uint256 member) internal view returns (uint256) {
        return PURSE - freeOf(member) + ledger.purse(purseOf(member)).arrears;
    }

    function test_I1_inventedLinesTakeNoMoreThanTheCaps() public {
        uint256[] memory exposed = new uint256[](MEMBERS);
        for (uint256 i = 1; i < MEMBERS; ++i) {
            (exposed[i],) = ledger.maxExposure(memberId(i));
        }

        settleWeek(robbery(1, MEMBERS));

        for (uint256 i = 1; i < MEMBERS; ++i) {
            vm.assertEq(lossOf(i), PER_EVENT + SHARED, "R1.2: one line and one share, each within its cap");
            vm.assertLe(lossOf(i), exposed[i], "I1: no more than they were shown");
        }
    }

    function test_I1_weekAfterWeekTakesNoMoreThanOnePeriodsCaps() public {
        uint256[] memory exposed = new uint256[](MEMBERS);
        for (uint256 i = 1; i < MEMBERS; ++i) {
            (exposed[i],) = ledger.maxExposure(memberId(i));
        }

        // The fourth week's window ends within 30 days of ignition.
        for (uint256 i; i < 4; ++i) {
            settleWeek(robbery(1, MEMBERS));
        }

        for (uint256 i = 1; i < MEMBERS; ++i) {
            vm.assertEq(lossOf(i), PER_PERIOD + SHARED, "R1.5: the caps of one period");
            vm.assertLe(lossOf(i), GLOBAL, "R1.5: within the member's own bound");
            vm.assertLe(lossOf(i), exposed[i], "I1: no more than they were shown");
        }
    }

    function test_I3_nothingFromWhoSignedNoMandate() public {
        Draft memory draft = draftOf(MEMBERS, 4);
        draft.floor = 6e6; // another proposal than the one of `setUp`, so another place
        draft.consents[0].mandates = new MandateCaps[](0);
        found(draft);

        settleWeek(robbery(1, MEMBERS));

        vm.assertEq(lossOf(1), 0, "I3: no mandate, no movement and no debt");
        vm.assertEq(lossOf(2), PER_EVENT + SHARED, "R1.2: the others' caps, as ever");
    }

    function test_I3_nothingOnceTheMandateIsOver() public {
        vm.prank(memberAddress(1));
        mandates.revokeMandate(WOOD);
        settleWeek(robbery(2, 2));
        uint256 before = freeOf(1);

        settleWeek(robbery(1, MEMBERS));

        vm.assertEq(freeOf(1), before, "I3: no live mandate, no movement");
        vm.assertEq(uint256(ledger.purse(purseOf(1)).arrears), 0, "I3: nor a debt");
    }

    function test_R7_4_whatWasNeverDueIsRefused() public {
        SealedReport memory early = sealedReport(week, Verdict.Ok, robbery(1, MEMBERS));
        vm.expectPartialRevert(IDocket.EpochNotClosed.selector);
        submit(early);

        warpToWeekEnd();
        SealedReport memory before =
            sealedReport(Epoch.wrap(Epoch.unwrap(week) - 1), Verdict.Ok, robbery(1, MEMBERS));
        vm.expectPartialRevert(IDocket.EpochNotAccruing.selector);
        submit(before);

        SealedReport memory late = sealedReport(week, Verdict.Ok, robbery(1, MEMBERS));
        passTime(30 days + 1);
        vm.expectPartialRevert(IDocket.EpochTooLate.selector);
        submit(late);
    }

    function test_I4_noEpochTwice() public {
        SealedReport memory done = settleWeek(robbery(1, MEMBERS));
        Epoch same = done.header.epoch();
        SealedReport memory again = sealedReport(same, Verdict.Ok, robbery(1, 1));

        vm.expectRevert(abi.encodeWithSelector(IDocket.AlreadyAccepted.selector, same));
        submit(again);
        vm.expectPartialRevert(IDocket.NotPending.selector);
        settle(done);
    }

    function test_R7_1_noOtherSubcontractOrStream() public {
        warpToWeekEnd();
        SealedReport memory other = sealedReport(week, Verdict.Ok, robbery(1, MEMBERS));

        other.header = Header.wrap(Header.unwrap(other.header) ^ 3 << 240);
        vm.expectRevert(abi.encodeWithSelector(IDocket.StreamUnknown.selector, SubcontractId.wrap(2), PILE));
        submit(other);
        other.header = Header.wrap(Header.unwrap(other.header) ^ 3 << 240 ^ 3 << 224);
        vm.expectRevert(abi.encodeWithSelector(IDocket.StreamUnknown.selector, WOOD, StreamId.wrap(2)));
        submit(other);
    }

    function test_R7_10_aContestedLineTakesNothing() public {
        SealedReport memory sealed_ = report(Verdict.Ok, robbery(1, MEMBERS));
        contest(1, sealed_);
        passTime(WINDOW + 1);

        settle(sealed_);

        vm.assertEq(
            lossOf(1), SHARED, "R7.10: the line froze; the share of what nobody took is no line of hers"
        );
        vm.assertEq(lossOf(2), PER_EVENT + SHARED, "R7.10: the rest settled");
    }

    function test_R7_3_nothingChangesAfterAcceptance() public {
        SealedReport memory sealed_ = report(Verdict.Ok, robbery(1, 1));
        passTime(WINDOW + 1);
        sealed_.payload = robbery(1, MEMBERS);

        vm.expectPartialRevert(IDocket.NotThisReport.selector);
        settle(sealed_);
        vm.assertEq(lossOf(2), 0, "R7.3: nobody's line is hidden while its window runs");
    }
}
