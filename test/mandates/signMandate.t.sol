// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {SubcontractState} from "../../contracts/interfaces/ICharter.sol";
import {Signed} from "../../contracts/Signed.sol";
import {Words} from "../../contracts/libraries/Words.sol";
import {Debit, IMandates, Kind, MandateCaps, MemberId, MoneyTest, SubcontractId} from "../MoneyTest.t.sol";
import {SignedActTest} from "../SignedActTest.t.sol";

contract MandatesTest is MoneyTest {
    function setUp() public override {
        super.setUp();
        settleDown();
    }

    function sign(MandateCaps memory c) private {
        bytes32 terms = charter.termsHashOf(c.subcontract);
        vm.prank(ada);
        mandates.signMandate(c, terms);
    }

    function perEventAt(uint40 begin) private view returns (uint64) {
        (MandateCaps memory c,,) = mandates.mandateAt(ADA, WOOD, begin);
        return c.perEvent;
    }

    function globalAt(uint40 begin) private view returns (uint64 perPeriod) {
        (perPeriod,) = mandates.globalAt(ADA, begin);
    }

    /* SIGNING */

    function test_R1_5_RevertsForAStranger() external {
        vm.expectRevert(abi.encodeWithSelector(Signed.NotAMember.selector, stranger));
        vm.prank(stranger);
        mandates.signMandate(caps(H, H, H), 0);
    }

    function test_R16_1_RevertsForALeaver() external {
        vm.prank(ada);
        roster.leave();
        bytes32 terms = charter.termsHashOf(WOOD);

        vm.expectRevert(abi.encodeWithSelector(Signed.NotAMember.selector, ada));
        vm.prank(ada);
        mandates.signMandate(caps(H, H, H), terms);
    }

    function test_R5_RevertsForASubcontractThatIsNotOpen() external {
        MandateCaps memory c = caps(H, H, H);
        c.subcontract = SubcontractId.wrap(9);
        vm.expectRevert(
            abi.encodeWithSelector(
                IMandates.SubcontractNotOpen.selector, c.subcontract, SubcontractState.None
            )
        );
        vm.prank(ada);
        mandates.signMandate(c, 0);

        charter.setState(WOOD, SubcontractState.Sunset);
        bytes32 terms = charter.termsHashOf(WOOD);
        vm.expectRevert(
            abi.encodeWithSelector(IMandates.SubcontractNotOpen.selector, WOOD, SubcontractState.Sunset)
        );
        vm.prank(ada);
        mandates.signMandate(caps(H, H, H), terms);
    }

    function test_R1_5_RevertsForOtherTerms() external {
        bytes32 wanted = charter.termsHashOf(WOOD);
        vm.expectRevert(
            abi.encodeWithSelector(IMandates.TermsDiffer.selector, WOOD, bytes32("other"), wanted)
        );
        vm.prank(ada);
        mandates.signMandate(caps(H, H, H), "other");
    }

    function testFuzz_R1_5_RevertsForAnExpiryOutside(uint40 expiry) external {
        uint256 earliest = vm.getBlockTimestamp();
        vm.assume(expiry <= earliest || expiry > earliest + 365 days);
        MandateCaps memory c = caps(H, H, H);
        c.expiry = expiry;
        bytes32 terms = charter.termsHashOf(WOOD);

        vm.expectRevert(
            abi.encodeWithSelector(IMandates.ExpiryOutside.selector, expiry, earliest, earliest + 365 days)
        );
        vm.prank(ada);
        mandates.signMandate(c, terms);
    }

    function test_R1_5_HoldsForEpochsThatBeginLater() external {
        uint40 from = tomorrow();
        MandateCaps memory c = caps(3 * H, 4 * H, H);
        bytes32 terms = charter.termsHashOf(WOOD);
        vm.expectEmit(address(mandates));
        emit IMandates.MandateSigned(ADA, WOOD, terms, c, from);
        sign(c);

        vm.assertEq(perEventAt(now40()), PER_EVENT, "an epoch begun today keeps the old caps");
        vm.assertEq(perEventAt(from - 1), PER_EVENT, "to the day's last second");
        vm.assertEq(perEventAt(from), 3 * H, "an epoch that begins tomorrow has the new");
    }

    function test_R1_5_AnotherChangeOnTheSameDayReplacesIt() external {
        sign(caps(3 * H, 4 * H, H));
        sign(caps(2 * H, 4 * H, H));
        vm.assertEq(perEventAt(tomorrow()), 2 * H, "the last word of the day holds");
        vm.assertEq(perEventAt(now40()), PER_EVENT, "the old version is not lost");
    }

    function testFuzz_R1_5_AnEpochKeepsTheVersionItBeganUnder(uint64[20] memory perEvents, uint16 day)
        external
    {
        uint40[21] memory froms;
        uint64[21] memory wanted;
        wanted[0] = PER_EVENT;
        for (uint256 i; i < 20; ++i) {
            sign(caps(perEvents[i], 1, 1));
            (froms[i + 1], wanted[i + 1]) = (tomorrow(), perEvents[i]);
            passTime(1 days + i % 3 * 1 days);
        }

        uint256 version = bound(day, 0, 20);
        vm.assertEq(perEventAt(froms[version]), wanted[version], "each epoch is judged by its own version");
    }

    function test_R1_5_WhatLiesMoreThan64VersionsBackCountsAsNone() external {
        uint40 begun = now40();
        for (uint256 i; i < 64; ++i) {
            sign(caps(H, H, H));
            passTime(1 days);
        }
        vm.assertEq(perEventAt(begun), PER_EVENT, "64 back is found");

        sign(caps(H, H, H));
        vm.assertEq(perEventAt(begun), 0, "65 back is not, in the member's favour");
    }

    function test_R1_AMemberHas16MandatesAtMost() external {
        MandateCaps memory c = caps(H, H, H);
        for (uint16 i = 2; i <= 17; ++i) {
            charter.attach(address(uint160(i)), 1, 0);
        }
        for (uint16 i = 2; i <= 16; ++i) {
            c.subcontract = SubcontractId.wrap(i);
            sign(c);
        }
        c.subcontract = SubcontractId.wrap(17);
        bytes32 terms = charter.termsHashOf(c.subcontract);
        vm.expectRevert(abi.encodeWithSelector(IMandates.TooManyMandates.selector, ADA, 16));
        vm.prank(ada);
        mandates.signMandate(c, terms);

        vm.prank(ada);
        mandates.revokeMandate(WOOD);
        passTime(1 days);
        vm.expectEmit(address(mandates));
        emit IMandates.MandateForgotten(ADA, WOOD);
        sign(c);
        vm.assertEq(mandates.signersAt(WOOD, now40()).length, 5, "ada's place was taken");
    }

    /* ENDING AND BOUNDING */

    function test_R1_5_RevokingHoldsFromTomorrow() external {
        vm.prank(ada);
        mandates.revokeMandate(WOOD);

        vm.assertEq(perEventAt(now40()), PER_EVENT, "today's epoch is owed");
        vm.assertEq(perEventAt(tomorrow()), 0, "tomorrow's is not");
        vm.assertEq(mandates.signerCount(WOOD), 5, "one signer fewer");
    }

    function test_R1_5_RevokingNothingReverts() external {
        vm.expectRevert(abi.encodeWithSelector(IMandates.NoMandate.selector, ADA, SubcontractId.wrap(2)));
        vm.prank(ada);
        mandates.revokeMandate(SubcontractId.wrap(2));
    }

    function test_R1_5_GlobalHoldsFromTomorrow() external {
        vm.expectEmit(address(mandates));
        emit IMandates.GlobalLimited(ADA, H, tomorrow());
        vm.prank(ada);
        mandates.limitGlobal(H);

        vm.assertEq(globalAt(now40()), GLOBAL, "today's epoch keeps the old bound");
        vm.assertEq(globalAt(tomorrow()), H, "tomorrow's has the new");
    }

    function test_I14_OnlyTheCharterFoundsAndOnlyOnce() external {
        MandateCaps[] memory none;
        vm.expectRevert(abi.encodeWithSelector(IMandates.OnlyTheCharter.selector, address(this)));
        mandates.foundMandates(ADA, type(uint64).max, none);

        vm.expectRevert(abi.encodeWithSelector(IMandates.AlreadyFounded.selector, ADA));
        vm.prank(address(charter));
        mandates.foundMandates(ADA, type(uint64).max, none);
    }

    function test_I1_OnlyTheLedgerUsesCaps() external {
        vm.expectRevert(abi.encodeWithSelector(IMandates.OnlyTheLedger.selector, address(this)));
        mandates.useCaps(WOOD, Kind.Charge, 0, 0, new Debit[](0));
    }

    /* LISTS */

    function test_R5_SignersAreThoseLiveForTheEpoch() external {
        vm.prank(bo);
        mandates.revokeMandate(WOOD);

        MemberId[] memory today = mandates.signersAt(WOOD, now40());
        MemberId[] memory later = mandates.signersAt(WOOD, tomorrow());

        vm.assertEq(today.length, 6, "all founders signed");
        for (uint16 i = 1; i <= 6; ++i) {
            vm.assertEq(MemberId.unwrap(today[i - 1]), i, "ascending");
        }
        vm.assertEq(later.length, 5, "bo is none of tomorrow's");
        vm.assertEq(MemberId.unwrap(later[1]), 3, "and the order stays");
    }

    function test_R16_1_LeavingEndsMandatesAtOnce() external {
        vm.expectEmit(address(mandates));
        emit IMandates.LeaverReleased(ADA, now40());
        vm.prank(ada);
        roster.leave();

        vm.assertEq(perEventAt(now40() - 1), PER_EVENT, "what began before leaving is owed");
        vm.assertEq(perEventAt(now40()), 0, "nothing that begins from now on");
        vm.assertEq(mandates.signersAt(WOOD, now40()).length, 5, "no signer");
    }

    function test_R16_1_OnlyTheRosterEndsThem() external {
        vm.expectRevert(abi.encodeWithSelector(IMandates.OnlyTheRoster.selector, address(this)));
        mandates.memberLeft(ADA);
    }

    function test_R1_5_ASpentMandateIsForgotten() external {
        vm.expectRevert(abi.encodeWithSelector(IMandates.MandateLive.selector, ADA, WOOD));
        mandates.forgetMandate(ADA, WOOD);

        docket.openEpoch(WOOD, now40());
        vm.prank(ada);
        mandates.revokeMandate(WOOD);
        passTime(1 days);
        vm.expectRevert(abi.encodeWithSelector(IMandates.MandateLive.selector, ADA, WOOD));
        mandates.forgetMandate(ADA, WOOD);

        docket.closeEpochs(WOOD);
        mandates.forgetMandate(ADA, WOOD);

        vm.expectRevert(abi.encodeWithSelector(IMandates.NoMandate.selector, ADA, WOOD));
        mandates.forgetMandate(ADA, WOOD);
        sign(caps(H, H, H));
        vm.assertEq(perEventAt(tomorrow()), H, "and may be signed again");
    }
}

contract MandatesUnfoundedTest is MoneyTest {
    function test_R2_2_RevertsBeforeIgnition() external {
        bytes32 terms = charter.termsHashOf(WOOD);

        vm.expectRevert(IMandates.NotIgnited.selector);
        vm.prank(ada);
        mandates.signMandate(caps(H, H, H), terms);
    }

    function test_R2_1_FoundsNoMandateForASubcontractThatIsNone() external {
        MandateCaps[] memory list = new MandateCaps[](1);
        list[0] = caps(H, H, H);
        list[0].subcontract = SubcontractId.wrap(9);

        vm.expectRevert(
            abi.encodeWithSelector(
                IMandates.SubcontractNotOpen.selector, list[0].subcontract, SubcontractState.None
            )
        );
        vm.prank(address(charter));
        mandates.foundMandates(ADA, GLOBAL, list);
    }

    function test_R2_1_AFoundersMandateHoldsFromTheFirstEpoch() external {
        found(ADA, caps(PER_EVENT, PER_PERIOD, SHARED), GLOBAL);
        charter.ignite();

        (MandateCaps memory c,,) = mandates.mandateAt(ADA, WOOD, charter.t0());
        (uint64 perPeriod,) = mandates.globalAt(ADA, charter.t0());
        vm.assertEq(c.perEvent, PER_EVENT, "R2.1: an epoch that begins at ignition has the mandate");
        vm.assertEq(perPeriod, GLOBAL, "R2.1: and the bound");
    }

    function test_R1_5_WhoNeverSetABoundHasNone() external view {
        (uint64 perPeriod,) = mandates.globalAt(ADA, now40());
        vm.assertEq(perPeriod, type(uint64).max, "each mandate alone bounds it");
    }
}

abstract contract EveSignsTest is MoneyTest, SignedActTest {
    function setUp() public virtual override {
        super.setUp();
        settleDown();
    }

    function door() internal view override returns (Signed) {
        return mandates;
    }

    function signer() internal view override returns (uint256, address) {
        return (keyOf("eve"), roster.keyOf(EVE));
    }
}

contract SignMandateBySigTest is EveSignsTest {
    MandateCaps private _caps;

    function setUp() public override {
        super.setUp();
        _caps = caps(3 * H, 4 * H, H);
    }

    function primaryType() internal pure override returns (string memory) {
        return "SignMandate";
    }

    function deedOf(uint256 nonce, uint64 deadline) internal view override returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "SignMandate(string deed,uint16 member,string mandate,bytes32 termsHash,uint256 nonce,uint64 deadlineUnixSeconds)"
                ),
                keccak256(
                    "I agree to this subcontract's terms and let it collect from my purse, at most this much, from the next local day on."
                ),
                EVE,
                keccak256(bytes(Words.mandate(_caps))),
                charter.termsHashOf(WOOD),
                nonce,
                deadline
            )
        );
    }

    function carry(uint256 nonce, uint64 deadline, bytes memory signature) internal override {
        mandates.signMandateBySig(
            EVE, _caps, keccak256(abi.encode("terms", WOOD)), nonce, deadline, signature
        );
    }

    function assertDone() internal view override {
        (MandateCaps memory c,,) = mandates.mandateAt(EVE, WOOD, tomorrow());
        vm.assertEq(c.perEvent, 3 * H, "signed");
    }
}

contract RevokeMandateBySigTest is EveSignsTest {
    function primaryType() internal pure override returns (string memory) {
        return "RevokeMandate";
    }

    function deedOf(uint256 nonce, uint64 deadline) internal pure override returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "RevokeMandate(string deed,uint16 member,uint16 subcontract,uint256 nonce,uint64 deadlineUnixSeconds)"
                ),
                keccak256("I end my mandate for this subcontract, from the next local day on."),
                EVE,
                WOOD,
                nonce,
                deadline
            )
        );
    }

    function carry(uint256 nonce, uint64 deadline, bytes memory signature) internal override {
        mandates.revokeMandateBySig(EVE, WOOD, nonce, deadline, signature);
    }

    function assertDone() internal view override {
        vm.assertEq(mandates.signersAt(WOOD, tomorrow()).length, 5, "revoked");
    }
}

contract LimitGlobalBySigTest is EveSignsTest {
    function primaryType() internal pure override returns (string memory) {
        return "LimitGlobal";
    }

    function deedOf(uint256 nonce, uint64 deadline) internal pure override returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "LimitGlobal(string deed,uint16 member,string mostPerPeriod,uint256 nonce,uint64 deadlineUnixSeconds)"
                ),
                keccak256(
                    "All subcontracts together may collect at most this much from me in a period of 30 days, from the next local day on."
                ),
                EVE,
                keccak256(bytes(Words.money(H))),
                nonce,
                deadline
            )
        );
    }

    function carry(uint256 nonce, uint64 deadline, bytes memory signature) internal override {
        mandates.limitGlobalBySig(EVE, H, nonce, deadline, signature);
    }

    function assertDone() internal view override {
        (uint64 perPeriod,) = mandates.globalAt(EVE, tomorrow());
        vm.assertEq(perPeriod, H, "bounded");
    }
}
