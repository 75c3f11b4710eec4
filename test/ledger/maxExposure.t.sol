// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Kind, MandateCaps, MoneyTest, Outcome} from "../MoneyTest.t.sol";

contract LedgerMaxExposureTest is MoneyTest {
    function setUp() public override {
        super.setUp();
        settleDown();
    }

    function exposed() private view returns (uint64 now_) {
        (now_,) = ledger.maxExposure(ADA);
    }

    function sign(MandateCaps memory c) private {
        bytes32 terms = charter.termsHashOf(WOOD);
        vm.prank(ada);
        mandates.signMandate(c, terms);
    }

    function test_R1_6_IsTheCapsLeft() external {
        (uint64 now_, uint64 next) = ledger.maxExposure(ADA);
        vm.assertEq(now_, PER_PERIOD + SHARED, "charges and shares of the period");
        vm.assertEq(next, PER_PERIOD + SHARED, "and of the next");

        charge(ADA, 4 * H);
        vm.assertEq(exposed(), PER_PERIOD + SHARED - 4 * H, "less what was collected");
        (, next) = ledger.maxExposure(ADA);
        vm.assertEq(next, PER_PERIOD + SHARED, "the next period is whole");
    }

    function test_R1_6_CountsWhatIsOwed() external {
        vm.prank(ada);
        ledger.withdraw(PURSE);
        charge(ADA, 4 * H);

        vm.assertEq(exposed(), PER_PERIOD + SHARED, "arrears stay until they are paid");
    }

    function test_R1_6_GlobalBindsAtTheHighestOfAnyOpenEpoch() external {
        docket.openEpoch(WOOD, now40());
        vm.prank(ada);
        mandates.limitGlobal(H);
        passTime(2 days);
        vm.assertEq(exposed(), PER_PERIOD + SHARED, "an open epoch keeps its own bound");

        docket.closeEpochs(WOOD);
        vm.assertEq(exposed(), H, "then the lower binds");
    }

    function test_R1_6_ARevokedMandateCountsWhileAnEpochIsOpen() external {
        docket.openEpoch(WOOD, now40());
        vm.prank(ada);
        mandates.revokeMandate(WOOD);
        passTime(2 days);
        vm.assertEq(exposed(), PER_PERIOD + SHARED, "the open epoch may still settle");

        docket.closeEpochs(WOOD);
        vm.assertEq(exposed(), 0, "then nothing can be taken");
    }

    function test_R1_6_BeforeIgnitionItShowsWhatWasSigned() external {
        MoneyTest.setUp();
        found(ADA, caps(PER_EVENT, PER_PERIOD, SHARED), PER_EVENT);

        vm.assertEq(exposed(), PER_EVENT, "the bound a founder signed");
    }

    /// @dev Three versions, three epochs, collected in any order: their sum stays within the figure shown first.
    function testFuzz_I1_BoundsWhateverIsCollected(
        uint64[3] memory perEvents,
        uint64[3] memory perPeriods,
        uint64[12] memory amounts,
        uint8[12] memory choices
    ) external {
        uint40[3] memory begins;
        for (uint256 i; i < 3; ++i) {
            perEvents[i] = uint64(bound(perEvents[i], 0, 40 * H));
            perPeriods[i] = uint64(bound(perPeriods[i], 0, 40 * H));
            begins[i] = tomorrow();
            sign(caps(perEvents[i], perPeriods[i], H));
            docket.openEpoch(WOOD, begins[i]);
            passTime(1 days + 1 hours);
        }
        uint64 shown = exposed();

        uint256 taken;
        for (uint256 i; i < 12; ++i) {
            Kind kind = choices[i] % 2 == 0 ? Kind.Charge : Kind.Shared;
            Outcome memory o = collectFor(begins[choices[i] / 2 % 3], kind, ADA, amounts[i]);
            taken += o.paid + o.arrears;
            vm.assertLe(exposed() + o.paid, shown, "what is left never exceeds what was shown (I1)");
        }

        vm.assertLe(taken, shown, "no more than was shown, paid or owed (I1)");
    }
}
