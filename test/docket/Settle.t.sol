// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IDocket, ReportState} from "../../contracts/interfaces/IDocket.sol";
import {Calendar, EpochKind} from "../../contracts/types/Calendar.sol";
import {Epoch, MemberId, StreamId, SubcontractId} from "../../contracts/types/Ids.sol";
import {Verdict} from "../../contracts/types/Report.sol";
import {Seated} from "./Seated.sol";
import {Asking, Measuring, Reentering, Refusing} from "./Subcontracts.sol";

contract SettleTest is Seated {
    uint256 internal constant BASE_GAS = 1_000_000;
    uint256 internal constant MEMBER_GAS = 160_000;
    uint256 internal constant MOST_GAS = 16_000_000;

    Report internal report;
    Epoch internal epoch;
    uint256 internal acceptedAt;

    function setUp() public {
        found(4, 0, EpochKind.Day);
        epoch = next(today());
        passDay(epoch);
        report = reportFor(epoch, linesOfBoth());
        submit(report);
        acceptedAt = vm.getBlockTimestamp();
    }

    function finalise() internal {
        vm.warp(acceptedAt + WINDOW + 1);
    }

    function refused(bytes memory reason) internal {
        vm.expectRevert(reason);
        docket.settle(report.header, report.parent, ROOT, report.payload);
    }

    function stands(ReportState wanted, string memory law) internal view {
        vm.assertEq(uint256(docket.stateOf(WOOD, PILE, epoch)), uint256(wanted), law);
    }

    /* WHICH, WHEN */

    function test_R7_3_revertsOnAnotherReport() public {
        finalise();
        bytes24 accepted = bytes24(digestOf(report));

        report.payload = value(1);
        refused(abi.encodeWithSelector(IDocket.NotThisReport.selector, bytes24(digestOf(report)), accepted));
        report.payload = linesOfBoth();
        report.header = header(epoch, 9, Verdict.Ok);
        refused(abi.encodeWithSelector(IDocket.NotThisReport.selector, bytes24(digestOf(report)), accepted));
    }

    function test_R7_revertsWhereNoneWasAccepted() public {
        finalise();
        report.header = header(next(epoch), 0, Verdict.Ok);
        refused(abi.encodeWithSelector(IDocket.NotPending.selector, PILE, next(epoch)));
        report.header = header(SubcontractId.wrap(2), PILE, epoch, 0, 1, 0);
        refused(abi.encodeWithSelector(IDocket.NotPending.selector, PILE, epoch));
    }

    function test_R7_10_revertsWhileTheWindowRuns() public {
        vm.warp(acceptedAt + WINDOW);

        refused(abi.encodeWithSelector(IDocket.WindowRuns.selector, acceptedAt + WINDOW, acceptedAt + WINDOW));
        stands(ReportState.Accepted, "R7.10: the window's last second is still the window");

        vm.warp(acceptedAt + WINDOW + 1);
        stands(ReportState.Final, "R7.10: and then it is final");
        settle(report);
    }

    function test_R7_10_revertsWhenLapsed() public {
        uint256 latest = acceptedAt + WINDOW + 14 days;
        vm.warp(latest + 1);

        stands(ReportState.Lapsed, "R7.10: nobody settled it for 14 days");
        refused(abi.encodeWithSelector(IDocket.LapsedAt.selector, latest + 1, latest));

        vm.warp(latest);
        settle(report);
        stands(ReportState.Settled, "R7.10: the last second counts");
    }

    function test_I4_revertsTheSecondTime() public {
        finalise();
        settle(report);

        refused(abi.encodeWithSelector(IDocket.NotPending.selector, PILE, epoch));
        vm.assertEq(wood.settled(), 1, "I4: a report settles once");
    }

    function test_I5_staleAndContestedMoveNothing() public {
        for (uint8 verdict = 1; verdict < 3; ++verdict) {
            epoch = next(epoch);
            passDay(epoch);
            report = reportFor(epoch, "");
            report.header = header(epoch, 0, Verdict(verdict));
            submit(report);
            passTime(WINDOW + 1);

            refused(abi.encodeWithSelector(IDocket.NotPending.selector, PILE, epoch));
            stands(ReportState.Spent, "R7.5: no charge, no remedy, no finding");
        }
        vm.assertEq(wood.settled(), 0, "I5: no OK report, no movement");
    }

    /* GAS */

    function test_R1_9_revertsWithTooLittleGas() public {
        finalise();
        uint256 bound = BASE_GAS + 2 * MEMBER_GAS;

        (bool ok, bytes memory answer) = address(docket).call{gas: bound}(
            abi.encodeCall(docket.settle, (report.header, report.parent, ROOT, report.payload))
        );

        vm.assertFalse(ok, "R1.9: the whole bound must be there to forward");
        vm.assertEq(bytes32(bytes4(answer)), bytes32(IDocket.GasTooLow.selector), "R1.9: and it says so");
        uint256 wanted;
        assembly ("memory-safe") {
            wanted := mload(add(answer, 68)) // after the length, the selector and what was given
        }
        vm.assertGe(wanted, bound * 64 / 63, "R1.9: with how much is wanted, of which 63 of 64 parts go on");
        stands(ReportState.Final, "R1.9: nobody can fail a settlement by sending little gas");
        settle(report);
    }

    /// @dev Whatever the gas, either the call is refused for too little of it, or its failure is told and survived.
    function test_R1_9_noGasLetsAFailureTakeTheCallWithIt() public {
        refuseWith(Refusing.Way.BurnsAllGas);
        bytes memory call_ =
            abi.encodeCall(docket.settle, (report.header, report.parent, ROOT, report.payload));
        uint256 tooLittle;

        for (uint256 gas_ = BASE_GAS; gas_ < 2 * BASE_GAS; gas_ += 1000) {
            uint256 before = vm.snapshotState();
            (bool ok, bytes memory answer) = address(docket).call{gas: gas_}(call_);
            if (!ok) {
                vm.assertEq(bytes32(bytes4(answer)), bytes32(IDocket.GasTooLow.selector), "R1.9: it says so");
                ++tooLittle;
            }
            stands(ReportState.Final, "R1.9: and the report stays final");
            vm.revertToState(before);
            if (ok && gas_ > BASE_GAS + 3 * MEMBER_GAS) break;
        }
        vm.assertGt(tooLittle, 0, "both were met");
    }

    function test_R1_9_whoeverIsAskedGetsTheWholeBound() public {
        Measuring measuring = new Measuring();
        charter.enact(WOOD, address(measuring));
        finalise();
        bytes memory call_ =
            abi.encodeCall(docket.settle, (report.header, report.parent, ROOT, report.payload));
        uint256 whole = BASE_GAS + 2 * MEMBER_GAS - 1000;

        for (uint256 gas_ = BASE_GAS; gas_ < 2 * BASE_GAS; gas_ += 1000) {
            uint256 before = vm.snapshotState();
            (bool ok,) = address(docket).call{gas: gas_}(call_);
            if (ok) vm.assertGe(measuring.given(), whole, "R1.9: or the call is refused (63 of 64 parts)");
            vm.revertToState(before);
            if (ok) return;
        }
        vm.assertTrue(false, "some gas is enough");
    }

    function test_R1_9_givesTheWholeBound() public {
        Measuring measuring = new Measuring();
        charter.enact(WOOD, address(measuring));
        finalise();

        settle(report);

        uint256 bound = BASE_GAS + 2 * MEMBER_GAS;
        vm.assertLe(measuring.given(), bound, "R1.9: no more than the bound");
        vm.assertGe(measuring.given(), bound - 1000, "R1.9: no less either");
    }

    function test_R1_9_boundStaysWithinATransaction() public {
        Measuring measuring = new Measuring();
        charter.enact(WOOD, address(measuring));
        for (uint160 i = 0; i < 160; ++i) {
            roster.admit(address(0x1000 + i));
        }
        finalise();

        settle(report);

        vm.assertLe(measuring.given(), MOST_GAS, "R1.9: bounded however many ever joined");
        vm.assertGe(measuring.given(), MOST_GAS - 1000, "R1.9: at what a transaction can carry");
        vm.assertLt(MOST_GAS * 64 / 63 + 100_000, 1 << 24, "with its intrinsic gas and calldata");
    }

    /* WHAT IT DOES */

    function test_R7_settles() public {
        finalise();

        vm.expectCall(address(wood), abi.encodeCall(wood.settle, (PILE, epoch, report.payload)));
        vm.expectEmit(address(docket));
        emit IDocket.Settled(WOOD, PILE, epoch);
        vm.prank(personOf("anyone"));
        docket.settle(report.header, report.parent, ROOT, report.payload);

        vm.assertEq(wood.last(), keccak256(report.payload), "R7.3: the payload reached the subcontract whole");
        stands(ReportState.Settled, "R7: settled");
    }

    function test_I5_settlingOnlyWhileAsked() public {
        Asking asking = new Asking(docket);
        charter.enact(WOOD, address(asking));
        finalise();

        vm.expectRevert(abi.encodeWithSelector(IDocket.NotSettling.selector, WOOD, PILE, epoch));
        docket.settling(WOOD, PILE, epoch);
        settle(report);
        vm.assertEq(asking.settled(), 1, "I5: inside, the ledger may ask");
        vm.assertEq(
            uint256(asking.begin()),
            Calendar.dayBegin(Epoch.unwrap(epoch), TZ),
            "R1.5: and learns when the epoch began"
        );
        vm.expectRevert(abi.encodeWithSelector(IDocket.NotSettling.selector, WOOD, PILE, epoch));
        docket.settling(WOOD, PILE, epoch);
    }

    /* WHO REFUSES */

    function refuseWith(Refusing.Way way) internal returns (Refusing refusing) {
        refusing = new Refusing();
        refusing.be(way);
        charter.enact(WOOD, address(refusing));
        finalise();
    }

    /// @dev Fails, stays final, settles once the subcontract is good.
    function failsThenSettles(Refusing refusing, bytes memory reason) internal {
        vm.expectEmit(address(docket));
        emit IDocket.SettlementFailed(WOOD, PILE, epoch, reason);
        settle(report);
        stands(ReportState.Final, "R1.9: a settlement that fails stays final");

        refusing.be(Refusing.Way.Good);
        settle(report);
        stands(ReportState.Settled, "R1.9: and can be retried");
        vm.assertEq(refusing.settled(), 1, "I4: of both only one counts");
    }

    function test_R1_9_revertingSubcontract() public {
        Refusing refusing = refuseWith(Refusing.Way.Reverts);

        failsThenSettles(refusing, abi.encodeWithSelector(Refusing.NotToday.selector, 1));
    }

    function test_R1_9_subcontractThatBurnsAllGas() public {
        failsThenSettles(refuseWith(Refusing.Way.BurnsAllGas), "");
    }

    function test_R1_9_subcontractThatRevertsWith300kB() public {
        Refusing refusing = refuseWith(Refusing.Way.RevertsWithABomb);
        bytes memory reason = new bytes(256);
        reason[95] = 0x80; // the free memory pointer, which is where its memory begins

        failsThenSettles(refusing, reason);
    }

    function test_R1_9_subcontractThatReturns300kB() public {
        refuseWith(Refusing.Way.ReturnsABomb);

        settle(report);

        stands(ReportState.Settled, "R1.9: what it returns is not looked at");
    }

    function test_R1_9_failureLapsesInTheEnd() public {
        refuseWith(Refusing.Way.Reverts);
        settle(report);
        uint256 latest = acceptedAt + WINDOW + 14 days;
        vm.warp(latest + 1);

        refused(abi.encodeWithSelector(IDocket.LapsedAt.selector, latest + 1, latest));
        stands(ReportState.Lapsed, "R7.10: not tried for ever");
    }

    function test_I20_failureBlocksNoOther() public {
        refuseWith(Refusing.Way.BurnsAllGas);
        Report memory first = report;
        settle(first);
        Epoch second = next(epoch);
        passDay(second);
        Report memory other = reportFor(second, linesOfBoth());
        submit(other);
        passTime(WINDOW + 1);
        charter.enact(WOOD, address(wood));

        settle(other);
        settle(first);

        vm.assertEq(wood.settled(), 2, "I20: each settles on its own");
    }

    /* WHO CALLS BACK */

    function reenter(bytes memory call_, bytes4 wanted) internal {
        Reentering reentering = new Reentering();
        reentering.arm(address(docket), call_);
        charter.enact(WOOD, address(reentering));
        finalise();

        settle(report);

        vm.assertEq(reentering.settled(), 1, "I4: asked once");
        vm.assertFalse(reentering.succeeded(), "the call back was refused");
        vm.assertEq(bytes32(bytes4(reentering.answer())), bytes32(wanted), "for this reason");
        stands(ReportState.Settled, "the report is settled all the same");
    }

    function test_I4_reenteringSettleIsRefused() public {
        reenter(
            abi.encodeCall(docket.settle, (report.header, report.parent, ROOT, report.payload)),
            IDocket.SettlingAlready.selector
        );
    }

    function test_I4_reenteringContestIsRefused() public {
        reenter(
            abi.encodeCall(docket.contest, (WOOD, PILE, report.header.epoch(), digestOf(report))),
            IDocket.NotPending.selector
        );
    }

    function test_I5_askingForAnotherReportIsRefused() public {
        reenter(abi.encodeCall(docket.settling, (WOOD, PILE, next(epoch))), IDocket.NotSettling.selector);
    }

    function test_I5_askingForAnotherSubcontractIsRefused() public {
        reenter(
            abi.encodeCall(docket.settling, (SubcontractId.wrap(2), PILE, epoch)),
            IDocket.NotSettling.selector
        );
    }
}
