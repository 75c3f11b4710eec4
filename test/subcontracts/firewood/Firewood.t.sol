// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Limit, MandateCaps} from "../../../contracts/interfaces/ICharter.sol";
import {IDocket, ReportState} from "../../../contracts/interfaces/IDocket.sol";
import {Firewood} from "../../../contracts/subcontracts/Firewood.sol";
import {FirewoodTerms, IFirewood, WoodLine, WoodPeriod} from "../../../contracts/subcontracts/IFirewood.sol";
import {Accounts, Epoch} from "../../../contracts/types/Ids.sol";
import {Verdict} from "../../../contracts/types/Report.sol";
import {Draft, SealedReport, Village} from "../../Village.sol";

contract FirewoodTest is Village {
    uint256 private constant PROVIDER = 7;

    function setUp() external {
        found(PROVIDER, 4);
    }

    function line(uint256 member, uint16 pieces, uint32 grams)
        private
        pure
        returns (WoodLine[] memory lines)
    {
        lines = new WoodLine[](1);
        lines[0] = WoodLine(memberId(member), pieces, grams);
    }

    function weekOf(uint256 member, uint16 pieces) private {
        settleWeek(payloadOf(line(member, pieces, uint32(pieces) * 1000), 0, 0));
    }

    function declare(uint256 member, uint8 band) private {
        vm.prank(memberAddress(member));
        wood.declareBand(band);
    }

    /* CONSTRUCTOR */

    function refuses(
        FirewoodTerms memory terms,
        string memory what,
        uint256 given,
        uint256 least,
        uint256 most
    ) private {
        bytes memory code = abi.encodePacked(woodCode(), abi.encode(charter, WOOD, abi.encode(terms)));

        (address place, bytes memory refusal) = created(code);

        bytes memory reason =
            abi.encodeWithSelector(IFirewood.TermsOutOfRange.selector, what, given, least, most);
        vm.assertEq(refusal, reason, "R8: refused, and why");
        vm.assertEq(place, address(0), "R8: nowhere");
    }

    function test_R8_RefusesTermsOutsideTheirRange() external {
        FirewoodTerms memory terms = wood.terms();
        terms.price = 0;
        refuses(terms, "price", 0, 1, 1e12);
        terms = wood.terms();
        terms.refGrams = 0;
        refuses(terms, "reference grams", 0, 1, type(uint32).max);
        terms = wood.terms();
        terms.multiples[7] = 200_001;
        refuses(terms, "multiple", 200_001, terms.multiples[6], 200_000);
        terms = wood.terms();
        terms.multiples[3] = 4999;
        refuses(terms, "multiple", 4999, 5000, 200_000);
        terms = wood.terms();
        terms.bounds[4] = terms.bounds[3];
        refuses(terms, "bound", terms.bounds[3], uint256(terms.bounds[3]) + 1, type(uint64).max);
        terms = wood.terms();
        terms.provider = memberId(8);
        refuses(terms, "provider", 8, 1, 7);
    }

    /* BANDS */

    function test_R8_DeclarationHoldsFromTheNextDayOnceIn30Days() external {
        passTime(40 days);
        uint40 today = uint40(vm.getBlockTimestamp());
        declare(1, 6);

        vm.assertEq(wood.declaredAt(memberId(1), today), 3, "R8: not today");
        vm.assertEq(wood.declaredAt(memberId(1), today + 1 days), 6, "R8: from the next local day");
        vm.prank(memberAddress(1));
        vm.expectRevert(
            abi.encodeWithSelector(
                IFirewood.BandTooSoon.selector, memberId(1), uint256(today), uint256(today) + 30 days
            )
        );
        wood.declareBand(0);
    }

    function test_R8_ASettlementReadsTheDeclarationOfItsEpoch() external {
        for (uint256 i; i < 5; ++i) {
            weekOf(1, 1);
        }
        vm.warp(weekBegin(week) + 1 hours);
        declare(1, 7);

        uint64 before = freeOf(1);
        weekOf(1, 1);
        vm.assertEq(before - freeOf(1), 500_000, "R8: this week began under band 3");

        before = freeOf(1);
        weekOf(1, 1);
        vm.assertEq(before - freeOf(1), 8_000_000, "R8: the next under band 7");
    }

    function test_R8_TheFloorHoldsWhateverIsDeclared() external {
        deposit(1, 400e6);
        passTime(31 days);
        declare(1, 0);

        vm.assertEq(
            wood.bandAt(memberId(1), uint40(vm.getBlockTimestamp() + 2 days)),
            7,
            "R8: 500 H came in, a third is above 120 H"
        );
    }

    function test_R1_8_DeclaredBySignatureInWords() external {
        passTime(31 days);
        uint64 deadline = uint64(vm.getBlockTimestamp() + 1 days);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "DeclareBand(string deed,uint16 subcontract,uint8 band,string monthlyMeansFrom,uint256 nonce,uint64 deadlineUnixSeconds)"
                ),
                keccak256("I declare my monthly means; they set what I pay for wood."),
                WOOD,
                5,
                keccak256("60.000000 H"),
                1,
                deadline
            )
        );

        wood.declareBandBySig(
            memberId(2), 5, 1, deadline, signed(memberKey(2), typedDigest(address(wood), structHash))
        );

        vm.assertEq(
            wood.declaredAt(memberId(2), uint40(vm.getBlockTimestamp() + 1 days)), 5, "R1.8: declared"
        );
    }

    /* HOSTILE PAYLOADS */

    /// @dev A report that cannot be settled: final, nothing moved, and the next week goes on (I20).
    function stays(bytes memory payload) private {
        Epoch epoch = week;
        uint64 sum = total();

        SealedReport memory given = settleWeek(payload);

        vm.assertTrue(docket.stateOf(WOOD, PILE, epoch) == ReportState.Final, "R1.9: final, not settled");
        vm.assertEq(total(), sum, "R1.9: nothing moved");
        vm.assertEq(freeOf(1), 100e6, "R1.9: nor from anyone");
        settle(given);
        vm.assertTrue(docket.stateOf(WOOD, PILE, epoch) == ReportState.Final, "R1.9: still final");
        weekOf(1, 1);
        vm.assertTrue(
            docket.stateOf(WOOD, PILE, Epoch.wrap(Epoch.unwrap(epoch) + 1)) == ReportState.Settled,
            "I20: it blocks nothing else"
        );
    }

    function total() private view returns (uint64 sum) {
        sum = potOf(0) + potOf(1);
        for (uint256 member = 1; member <= PROVIDER; ++member) {
            sum += freeOf(member);
        }
    }

    function two(uint256 first, uint256 second) private pure returns (bytes memory) {
        WoodLine[] memory lines = new WoodLine[](2);
        lines[0] = WoodLine(memberId(first), 1, 1000);
        lines[1] = WoodLine(memberId(second), 1, 1000);
        return payloadOf(lines, 0, 0);
    }

    function test_I20_UnsortedLines() external {
        stays(two(2, 1));
    }

    function test_I20_DoubledLines() external {
        stays(two(1, 1));
    }

    function test_I20_LineOfMemberZero() external {
        stays(two(0, 1));
    }

    function test_I20_PayloadOfBrokenLength() external {
        stays(abi.encodePacked(two(1, 2), uint8(1)));
    }

    function test_I20_PayloadWithoutAHead() external {
        stays(hex"00");
    }

    function test_I20_TooManyLines() external {
        WoodLine[] memory lines = new WoodLine[](151);
        for (uint256 i; i < 151; ++i) {
            lines[i] = WoodLine(memberId(i + 1), 1, 1000);
        }
        stays(payloadOf(lines, 0, 0));
    }

    function test_R1_3_TheHighestNumbersSettleAllTheSame() external {
        Epoch epoch = week;
        WoodLine[] memory lines = line(1, type(uint16).max, type(uint32).max);

        settleWeek(payloadOf(lines, type(uint32).max, type(uint32).max));

        vm.assertTrue(docket.stateOf(WOOD, PILE, epoch) == ReportState.Settled, "R1.3: settled");
        vm.assertGe(freeOf(1), 100e6 - 18e6, "R1.3: a line and a share within the caps");
        vm.assertEq(ledger.purse(purseOf(1)).arrears, 0, "R1.3: what exceeds the caps is nobody's debt");
    }

    /* WHO PAYS */

    function test_R1_2_AStrangersLineMovesNothing() external {
        uint64 sum = total();

        settleWeek(payloadOf(line(99, 3, 3000), 0, 0));

        vm.assertEq(total(), sum, "R1.2: nothing came or went");
        vm.assertEq(freeOf(PROVIDER), 100e6, "R1.2: nobody paid the provider");
        vm.assertEq(wood.period().worth, 0, "R8: in no sum");
    }

    function test_R1_5_ARevokedMandatePaysForTheWeekBegunBefore() external {
        vm.warp(weekBegin(week) + 1 days);
        vm.prank(memberAddress(1));
        mandates.revokeMandate(WOOD);

        weekOf(1, 2);
        vm.assertEq(freeOf(1), 99e6, "R1.5: begun under the mandate");
        weekOf(1, 2);
        vm.assertEq(freeOf(1), 99e6, "R1.5: begun after it");
    }

    function test_R16_1_ALeaverPaysForTheWeekBegunBefore() external {
        vm.warp(weekBegin(week) + 1 days);
        vm.prank(memberAddress(1));
        roster.leave();
        uint64 out = ledger.withdrawable(memberId(1));
        vm.prank(memberAddress(1));
        ledger.withdraw(out);
        uint64 heldBack = freeOf(1);

        weekOf(1, 2);

        vm.assertEq(heldBack - freeOf(1), 1e6, "R16.1: out of what is held back");
        vm.assertEq(ledger.withdrawable(memberId(1)), freeOf(1), "R16.1: the rest is free");
    }

    function test_R8_TheProvidersOwnLineCostsNothing() external {
        weekOf(PROVIDER, 9);

        vm.assertEq(freeOf(PROVIDER), 100e6, "R8: multiple 0");
        vm.assertEq(wood.period().worth, 0, "R8: in no sum");
    }

    /* CONTESTED LINES */

    function test_R7_10_AContestedLineIsLeftOutTheRestSettles() external {
        SealedReport memory given = report(Verdict.Ok, two(1, 2));
        contest(1, given);
        passTime(WINDOW + 1 minutes);

        settle(given);

        vm.assertEq(freeOf(1), 100e6, "R7.10: frozen");
        vm.assertEq(freeOf(2), 99.5e6, "R7.10: the rest settles");
        vm.assertEq(wood.period().worth, 500_000, "R7.10: enters the sums only when settled");
    }

    /* TRUE-UP */

    function test_R8_TheTrueUpComesOnceAcrossSkippedPeriods() external {
        depositFrom(personOf("donor"), Accounts.ofPot(WOOD, 1), 10e6);
        passTime(31 days);
        declare(1, 0);
        // Brought to little, so that the floor lets band 0 stand two periods on.
        vm.startPrank(memberAddress(1));
        ledger.withdraw(ledger.withdrawable(memberId(1)));
        vm.stopPrank();
        while (vm.getBlockTimestamp() < startOf() + 190 days) {
            report(Verdict.Stale, "");
        }
        weekOf(1, 4);
        WoodPeriod memory closed = wood.period();
        uint256 discount = uint256(closed.worth) - closed.charges;
        vm.assertGt(discount, 0, "R8: a discount to make good");
        while (vm.getBlockTimestamp() < startOf() + 280 days) {
            report(Verdict.Stale, "");
        }
        uint64 before = freeOf(PROVIDER);
        uint64 warmth = potOf(1);

        weekOf(PROVIDER, 1);

        vm.assertEq(freeOf(PROVIDER) - before, discount, "R8: trued up to the discount");
        vm.assertEq(warmth - potOf(1), discount, "R8: out of the warmth pot");
        before = freeOf(PROVIDER);
        weekOf(PROVIDER, 1);
        vm.assertEq(freeOf(PROVIDER), before, "R8: once");
    }

    /* LIMITS */

    function test_R3_AMultipleGivesWayToATightenedLimit() external {
        for (uint256 member = 1; member <= 5; ++member) {
            vm.prank(memberAddress(member));
            charter.tighten(Limit.HighestMultipleBps, 10_000);
        }
        passTime(31 days);
        declare(1, 7);
        while (vm.getBlockTimestamp() < startOf() + 40 days) {
            report(Verdict.Stale, "");
        }
        uint64 before = freeOf(1);

        weekOf(1, 2);

        vm.assertEq(before - freeOf(1), 1e6, "R3: 16 times became 1");
    }

    function test_R7_NobodyButTheDocketSettles() external {
        vm.expectRevert(abi.encodeWithSelector(IFirewood.NotTheDocket.selector, address(this)));
        wood.settle(PILE, week, two(1, 2));
    }

    function test_R8_NobodyButTheCharterBringsFounders() external {
        vm.expectRevert(abi.encodeWithSelector(IFirewood.NotTheCharter.selector, address(this)));
        wood.founderJoined(memberId(1), 0);
    }

    /* EVERY UNIT */

    function testFuzz_I2_AnyWeekConservesEveryUnit(
        uint16[7] calldata pieces,
        uint32[7] calldata grams,
        uint16 nobodyPieces,
        uint32 nobodyGrams
    ) external {
        uint64 sum = total();
        WoodLine[] memory lines = new WoodLine[](7);
        for (uint256 i; i < 7; ++i) {
            lines[i] = WoodLine(memberId(i + 1), pieces[i] % 50, grams[i] % 60_000);
        }

        settleWeek(payloadOf(lines, nobodyPieces % 50, nobodyGrams % 60_000));

        vm.assertEq(total(), sum, "I2: nothing made or lost");
        for (uint256 member = 1; member < PROVIDER; ++member) {
            vm.assertGe(freeOf(member), 100e6 - 18e6, "I1: at most an event and a share");
        }
        vm.assertGe(freeOf(PROVIDER), 100e6, "R8: the provider only receives");
    }
}
