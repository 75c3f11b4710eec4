// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IDocket, ReportState} from "../../contracts/interfaces/IDocket.sol";
import {Calendar, EpochKind} from "../../contracts/types/Calendar.sol";
import {Epoch, StreamId, SubcontractId} from "../../contracts/types/Ids.sol";
import {Verdict} from "../../contracts/types/Report.sol";
import {Seated} from "./Seated.sol";

contract ViewsTest is Seated {
    Epoch internal first;

    function setUp() public {
        found(4, 0, EpochKind.Day);
        first = next(today());
    }

    function nth(uint256 n) internal view returns (Epoch) {
        return Epoch.wrap(uint24(Epoch.unwrap(first) + n));
    }

    function report(uint256 n, Verdict verdict) internal returns (Report memory given) {
        if (vm.getBlockTimestamp() <= endOf(nth(n))) passDay(nth(n));
        given = reportFor(nth(n), linesOfBoth());
        given.header = header(nth(n), 0, verdict);
        submit(given);
    }

    function stands(uint256 n, ReportState wanted, string memory law) internal view {
        vm.assertEq(uint256(docket.stateOf(WOOD, PILE, nth(n))), uint256(wanted), law);
    }

    function opens(uint256 count, Epoch oldest, string memory law) internal view {
        vm.assertEq(uint256(docket.openEpochs(WOOD, 0)), count, law);
        uint256 begin = count == 0 ? 0 : Calendar.dayBegin(Epoch.unwrap(oldest), TZ);
        vm.assertEq(uint256(docket.oldestOpen(WOOD)), begin, law);
    }

    /* STATE */

    function test_R7_10_stateOfWhatNobodyReported() public {
        vm.warp(endOf(first) + 30 days);
        vm.assertTrue(docket.stateOf(WOOD, PILE, first) == ReportState.None, "it may still come");
        vm.warp(endOf(first) + 30 days + 1);
        vm.assertTrue(docket.stateOf(WOOD, PILE, first) == ReportState.Lapsed, "R7: within 30 days");
        vm.assertTrue(docket.stateOf(WOOD, PILE, nth(400)) == ReportState.None, "the future is open");
    }

    function test_R7_10_stateOfAReport() public {
        Report memory settled = report(0, Verdict.Ok);
        uint256 windowEnd = vm.getBlockTimestamp() + WINDOW;
        vm.warp(windowEnd);
        stands(0, ReportState.Accepted, "R7.10: the window's last second");
        vm.warp(windowEnd + 1);
        stands(0, ReportState.Final, "R7.10: final after it");
        settle(settled);
        stands(0, ReportState.Settled, "R7: settled");

        report(1, Verdict.Ok);
        windowEnd = vm.getBlockTimestamp() + WINDOW;
        report(2, Verdict.Stale);
        report(3, Verdict.Contested);
        stands(2, ReportState.Spent, "R7.5: STALE is spent at once");
        stands(3, ReportState.Spent, "R7.5: and so is CONTESTED");
        vm.warp(windowEnd + 14 days);
        stands(1, ReportState.Final, "R7.10: to the last second of 14 days");
        vm.warp(windowEnd + 14 days + 1);
        stands(1, ReportState.Lapsed, "R7.10: nobody settled it");
        stands(0, ReportState.Settled, "R7: what is settled lapses no more");
        stands(2, ReportState.Spent, "R7.5: nor what is spent");
    }

    function test_R7_1_stateOfRefusesAWrongPair() public {
        vm.expectRevert(abi.encodeWithSelector(IDocket.StreamUnknown.selector, SubcontractId.wrap(2), PILE));
        docket.stateOf(SubcontractId.wrap(2), PILE, first);
    }

    /* OPEN EPOCHS */

    function test_R1_1_openEpochsBeforeIgnition() public {
        foundSeats(4, 0);
        enrolStreams(new EpochKind[](1));

        opens(0, first, "R1.1: nothing is begun before ignition");
    }

    function test_R1_1_countsWhatBegan() public {
        opens(0, first, "R7.1: the day of enactment does not accrue");
        vm.warp(endOf(first) - 1);
        opens(1, first, "R1.1: the running epoch is open");
        vm.warp(endOf(first));
        opens(2, first, "R1.1: and the next one runs");
        uint40 since = uint40(Calendar.dayBegin(Epoch.unwrap(nth(1)), TZ));
        vm.assertEq(uint256(docket.openEpochs(WOOD, since)), 1, "R1.1: begun at or after");
        vm.assertEq(uint256(docket.openEpochs(WOOD, since + 1)), 0, "R1.1: and not before");
        vm.assertEq(uint256(docket.openEpochs(SubcontractId.wrap(2), 0)), 0, "its own streams only");
    }

    function test_R1_1_countsNoneThatCanNoLongerBeReported() public {
        vm.warp(endOf(first) + 30 days);
        opens(32, first, "R7: 30 days, and the day that runs");
        vm.warp(endOf(first) + 30 days + 1);
        opens(31, nth(1), "R7: the first can come no more");
    }

    function test_R1_1_countsWhatIsPending() public {
        Report memory settled = report(0, Verdict.Ok);
        report(1, Verdict.Stale);
        report(2, Verdict.Ok);
        opens(3, first, "accepted, accepted, and running; STALE is over");
        passTime(WINDOW + 1);
        settle(settled);
        opens(3, nth(2), "settled is over; a day more began");
        vm.warp(endOf(nth(2)) + 1 + WINDOW + 14 days);
        vm.assertTrue(docket.stateOf(WOOD, PILE, nth(2)) == ReportState.Final, "the last second");
        opens(16 + 1, nth(2), "R7.10: final is open");
        passTime(1);
        vm.assertTrue(docket.stateOf(WOOD, PILE, nth(2)) == ReportState.Lapsed, "over");
        opens(16, nth(3), "R7.10: lapsed is over");
    }

    function test_R5_6_restedEpochsDoNotAccrue() public {
        charter.rest(WOOD, uint40(endOf(first)), uint40(endOf(nth(3))));
        vm.warp(endOf(nth(5)));

        opens(4, first, "R5.6: first, two after the rest, and the one that runs");
    }

    function test_R5_6_epochsAfterTheEndDoNotAccrue() public {
        charter.rest(WOOD, uint40(endOf(nth(1))), type(uint40).max);
        vm.warp(endOf(nth(5)));
        opens(2, first, "R5.6: the two that began before the end");

        vm.warp(endOf(nth(1)) + 30 days + 1);
        opens(0, first, "R5.6: and none ever after");
    }

    function test_R1_1_countsEveryStream() public {
        foundSeats(4, 0);
        EpochKind[] memory kinds = new EpochKind[](3);
        (kinds[0], kinds[1], kinds[2]) = (EpochKind.Day, EpochKind.Week, EpochKind.Period);
        enrolStreams(kinds);
        registerAll();
        charter.ignite();
        charter.enact(WOOD, address(wood));
        passTime(15 days);

        vm.assertEq(uint256(docket.openEpochs(WOOD, 0)), 15 + 2 + 1, "15 days, 2 weeks, one period");
        vm.assertEq(uint256(docket.oldestOpen(WOOD)), charter.t0(), "the period began at ignition");
    }

    /// forge-config: default.fuzz.runs = 48
    function testFuzz_R16_1_nothingIsOpenFor81Days(uint256 deeds) public {
        uint256 n;
        for (uint256 i = 0; i < 40; ++i) {
            uint256 deed = deeds >> (i * 3) & 7;
            passTime(1 days);
            while (vm.getBlockTimestamp() > endOf(nth(n)) + 30 days) ++n;
            if (deed < 4 && vm.getBlockTimestamp() > endOf(nth(n))) {
                Report memory given = report(n++, deed == 0 ? Verdict.Stale : Verdict.Ok);
                if (deed == 1) {
                    passTime(WINDOW + 1);
                    settle(given);
                }
            }
        }
        uint256 oldest = docket.oldestOpen(WOOD);

        vm.assertGe(oldest + 1 days + 51 days, vm.getBlockTimestamp(), "R16.1: 30 + 7 + 14 days at the most");
        passTime(81 days);
        vm.assertEq(
            uint256(docket.openEpochs(WOOD, 0)),
            31,
            "R16.1: of what was open 81 days ago nothing is, only what the last 30 days brought and today"
        );
    }

    /* STREAM OF */

    function test_R7_1_firstEpochIsTheFirstThatMayBeReported() public {
        (, Epoch given) = docket.streamOf(PILE);
        vm.assertEq(uint256(Epoch.unwrap(given)), Epoch.unwrap(first), "R7.1: the first after enactment");
        vm.warp(endOf(first) + 30 days + 1);
        (, given) = docket.streamOf(PILE);
        vm.assertEq(uint256(Epoch.unwrap(given)), Epoch.unwrap(nth(1)), "or the oldest that still may");

        submit(reportFor(nth(1), value(1)));
        passTime(90 days);
        (, given) = docket.streamOf(PILE);
        vm.assertEq(uint256(Epoch.unwrap(given)), Epoch.unwrap(nth(1)), "then the first that was");
    }

    function test_R7_3_headIsZeroBeforeTheFirst() public view {
        (bytes24 digest, Epoch epoch) = docket.head(PILE);
        vm.assertEq(bytes32(digest), 0, "R7.3: no parent");
        vm.assertEq(uint256(Epoch.unwrap(epoch)), 0, "no epoch");
        (digest,) = docket.accepted(WOOD, PILE, Epoch.wrap(0));
        vm.assertEq(bytes32(digest), 0, "nor for epoch 0, which an empty word seems to name");
        vm.assertEq(uint256(StreamId.unwrap(PILE)), 1, "streams are numbered from 1");
    }
}
