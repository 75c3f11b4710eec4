// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IRoster, Nomination} from "../../contracts/interfaces/IRoster.sol";
import {Signed} from "../../contracts/Signed.sol";
import {Crowd, CrowdRoster} from "../gas/Crowd.sol";
import {MemberId, MoneyTest} from "../MoneyTest.t.sol";
import {SignedActTest} from "../SignedActTest.t.sol";

abstract contract RosterTest is MoneyTest {
    uint16 internal constant HOUSE = 9;
    address internal gus;

    function setUp() public virtual override {
        super.setUp();
        settleDown();
        gus = personOf("gus");
    }

    function as_(MemberId member) internal {
        vm.prank(keys[MemberId.unwrap(member)]);
    }

    function nominate(address candidate) internal returns (uint256 nomination) {
        as_(ADA);
        nomination = roster.nominate(candidate, HOUSE);
    }

    function vouched(address candidate) internal returns (uint256 nomination) {
        nomination = nominate(candidate);
        as_(BO);
        roster.vouch(nomination);
        as_(CLEO);
        roster.vouch(nomination);
    }

    function joined(address candidate) internal returns (uint256 nomination) {
        nomination = vouched(candidate);
        vm.prank(candidate);
        roster.join(nomination);
        passTime(7 days + 1);
    }
}

contract AdmissionTest is RosterTest {
    /* NOMINATING */

    function test_R4_1_RevertsForAStranger() external {
        vm.expectRevert(abi.encodeWithSelector(Signed.NotAMember.selector, stranger));
        vm.prank(stranger);
        roster.nominate(gus, HOUSE);
    }

    function test_R4_1_RevertsForACandidateMissingOrKnown() external {
        vm.expectRevert(IRoster.CandidateMissing.selector);
        nominate(address(0));
        vm.expectRevert(abi.encodeWithSelector(IRoster.CandidateKnown.selector, bo, BO));
        nominate(bo);
    }

    function test_R4_1_TheSponsorsIsTheFirstVouch() external {
        vm.expectEmit(address(roster));
        emit IRoster.Nominated(1, gus, ADA, HOUSE, now40());
        vm.expectEmit(address(roster));
        emit IRoster.Vouched(1, ADA, now40() + 180 days);
        Nomination memory n = roster.nominationOf(nominate(gus));

        vm.assertEq(n.candidate, gus, "the candidate");
        vm.assertEq(n.vouchers.length, 1, "one voucher");
        vm.assertEq(n.closes, now40() + 7 days, "the window is open");
    }

    /* VOUCHING */

    function test_R4_1_RevertsForANominationThatIsNone() external {
        vm.expectRevert(abi.encodeWithSelector(IRoster.NominationUnknown.selector, 5));
        as_(BO);
        roster.vouch(5);

        uint256 nomination = joined(gus);
        roster.admit(nomination);
        vm.expectRevert(abi.encodeWithSelector(IRoster.NominationEnded.selector, nomination));
        as_(DEV);
        roster.vouch(nomination);
    }

    function test_R4_1_OneVouchEachAndThreeInAll() external {
        uint256 nomination = nominate(gus);
        vm.expectRevert(abi.encodeWithSelector(IRoster.AlreadyVouched.selector, nomination, ADA));
        as_(ADA);
        roster.vouch(nomination);

        as_(BO);
        roster.vouch(nomination);
        as_(CLEO);
        roster.vouch(nomination);
        vm.expectRevert(abi.encodeWithSelector(IRoster.VouchersEnough.selector, nomination, 3, 3));
        as_(DEV);
        roster.vouch(nomination);
    }

    function test_R4_1_ThreeLiveVouchesAMember() external {
        uint40 first = now40() + 180 days;
        nominate(gus);
        passTime(1 days);
        nominate(personOf("hana"));
        nominate(personOf("ivo"));
        vm.expectRevert(abi.encodeWithSelector(IRoster.VouchesSpent.selector, ADA, first));
        nominate(personOf("jun"));
        as_(BO);
        uint256 others = roster.nominate(personOf("lou"), HOUSE);
        vm.expectRevert(abi.encodeWithSelector(IRoster.VouchesSpent.selector, ADA, first));
        as_(ADA);
        roster.vouch(others);

        vm.warp(first);
        nominate(personOf("jun"));
        vm.expectRevert(abi.encodeWithSelector(IRoster.VouchesSpent.selector, ADA, first + 1 days));
        nominate(personOf("kai"));
    }

    /* OBJECTING */

    function test_R4_2_ObjectionsComeWithinTheWindowAndOnce() external {
        uint256 nomination = vouched(gus);
        as_(DEV);
        roster.objectToAdmission(nomination);
        vm.expectRevert(abi.encodeWithSelector(IRoster.AlreadyObjected.selector, nomination, DEV));
        as_(DEV);
        roster.objectToAdmission(nomination);

        uint40 closes = roster.nominationOf(nomination).closes;
        vm.warp(closes + 1);
        vm.expectRevert(abi.encodeWithSelector(IRoster.WindowClosed.selector, nomination, closes));
        as_(EVE);
        roster.objectToAdmission(nomination);
    }

    function test_R4_2_TwoObjectionsRefuseForGood() external {
        uint256 nomination = vouched(gus);
        as_(DEV);
        roster.objectToAdmission(nomination);
        as_(EVE);
        roster.objectToAdmission(nomination);
        vm.prank(gus);
        roster.join(nomination);
        passTime(7 days + 1);

        vm.expectEmit(address(roster));
        emit IRoster.Refused(nomination);
        vm.assertEq(MemberId.unwrap(roster.admit(nomination)), 0, "refused");
        vm.assertEq(roster.population(), 6, "nobody came in");
        vm.expectRevert(abi.encodeWithSelector(IRoster.NominationEnded.selector, nomination));
        roster.admit(nomination);
    }

    function test_R4_2_AnObjectorWhoLeftDoesNotCount() external {
        uint256 nomination = vouched(gus);
        as_(DEV);
        roster.objectToAdmission(nomination);
        as_(EVE);
        roster.objectToAdmission(nomination);
        as_(EVE);
        roster.leave();
        vm.prank(gus);
        roster.join(nomination);
        passTime(7 days + 1);

        vm.assertEq(MemberId.unwrap(roster.admit(nomination)), 7, "one objection is below the bar");
    }

    /* JOINING */

    function test_R4_1_OnlyTheCandidateJoinsAndOnce() external {
        uint256 nomination = vouched(gus);
        vm.expectRevert(abi.encodeWithSelector(IRoster.OnlyTheCandidate.selector, stranger, gus));
        vm.prank(stranger);
        roster.join(nomination);

        vm.prank(gus);
        roster.join(nomination);
        vm.expectRevert(abi.encodeWithSelector(IRoster.AlreadyJoined.selector, nomination));
        vm.prank(gus);
        roster.join(nomination);
    }

    /* ADMITTING */

    function test_R4_1_NobodyIsAMemberWithoutJoining() external {
        uint256 nomination = vouched(gus);
        passTime(7 days + 1);

        vm.expectRevert(abi.encodeWithSelector(IRoster.NotJoined.selector, nomination, gus));
        roster.admit(nomination);
    }

    function test_R4_1_ThreeVouchersMustStillBePresent() external {
        uint256 nomination = joined(gus);
        as_(CLEO);
        roster.leave();
        vm.expectRevert(abi.encodeWithSelector(IRoster.VouchersTooFew.selector, nomination, 2, 3));
        roster.admit(nomination);
    }

    function test_R4_2_BelowFiveEveryMemberMustSign() external {
        as_(EVE);
        roster.leave();
        as_(FAY);
        roster.leave();
        uint256 nomination = joined(gus);
        vm.expectRevert(abi.encodeWithSelector(IRoster.VouchersTooFew.selector, nomination, 3, 4));
        roster.admit(nomination);

        as_(DEV);
        roster.vouch(nomination);
        vm.assertEq(MemberId.unwrap(roster.admit(nomination)), 7, "all four signed");
    }

    function test_R4_2_AdmitsOnlyAfterTheWindow() external {
        uint256 nomination = vouched(gus);
        vm.prank(gus);
        roster.join(nomination);
        uint40 closes = roster.nominationOf(nomination).closes;
        vm.warp(closes);

        vm.expectRevert(abi.encodeWithSelector(IRoster.WindowOpen.selector, nomination, closes));
        roster.admit(nomination);
        vm.warp(closes + 1);
        roster.admit(nomination);
    }

    function test_R4_1_ANominationLapsesWithItsVouches() external {
        uint40 lapses = now40() + 180 days;
        uint256 nomination = joined(gus);
        vm.warp(lapses + 1);

        vm.expectRevert(abi.encodeWithSelector(IRoster.NominationLapsed.selector, nomination, lapses));
        roster.admit(nomination);
    }

    function test_R4_Admits() external {
        uint256 nomination = joined(gus);

        vm.expectEmit(address(roster));
        emit IRoster.Admitted(MemberId.wrap(7), gus, HOUSE, now40());
        MemberId member = roster.admit(nomination);

        vm.assertEq(roster.keyOf(member), gus, "key");
        vm.assertEq(roster.householdOf(member), HOUSE, "household");
        vm.assertEq(roster.population(), 7, "population");
        vm.assertEq(roster.admittedAt(member), now40(), "since");
        vm.assertTrue(roster.isMember(member), "a member");
    }

    function test_R4_3_TwoIn90DaysInASmallVillage() external {
        uint256 second = vouched(personOf("hana"));
        uint256 third = vouched(personOf("ivo"));
        vm.prank(personOf("hana"));
        roster.join(second);
        vm.prank(personOf("ivo"));
        roster.join(third);
        uint256 first = joined(gus);
        roster.admit(first);
        uint40 nextAt = now40() + 90 days;
        roster.admit(second);

        vm.expectRevert(abi.encodeWithSelector(IRoster.TooManyAdmissions.selector, 2, nextAt));
        roster.admit(third);
        vm.warp(nextAt);
        roster.admit(third);
    }

    function test_R3_TheAdmissionRateIsTheChartersLimit() external {
        charter.setAdmissionBps(5000);
        uint256 second = vouched(personOf("hana"));
        uint256 third = vouched(personOf("ivo"));
        vm.prank(personOf("hana"));
        roster.join(second);
        vm.prank(personOf("ivo"));
        roster.join(third);
        roster.admit(joined(gus));
        roster.admit(second);
        roster.admit(third);
        vm.assertEq(roster.population(), 9, "half of N in 90 days");
    }

    /* VOTING AND LEAVING */

    function test_R4_4_MaturityNeverReachesBack() external {
        vm.assertTrue(roster.isMature(ADA, now40()), "a founder is mature from ignition (R2.2)");
        vm.assertFalse(roster.isMature(ADA, charter.t0() - 1), "not before it");
        MemberId member = roster.admit(joined(gus));

        vm.assertFalse(roster.isMature(member, now40() + 30 days - 1), "not for what opens in 30 days");
        vm.assertTrue(roster.isMature(member, now40() + 30 days), "for what opens later");
        vm.assertFalse(roster.isMature(NOBODY, now40()), "nobody is not mature");
    }

    function test_R16_1_LeavingKeepsIdAndKey() external {
        vm.expectEmit(address(roster));
        emit IRoster.Left(ADA, now40());
        as_(ADA);
        roster.leave();

        vm.assertFalse(roster.isMember(ADA), "no member");
        vm.assertEq(roster.leftAt(ADA), now40(), "left now");
        vm.assertEq(MemberId.unwrap(roster.memberOf(ada)), 1, "the id is kept");
        vm.assertEq(roster.population(), 5, "population");
        vm.assertFalse(roster.isMature(ADA, now40()), "no vote");
        vm.expectRevert(abi.encodeWithSelector(Signed.NotAMember.selector, ada));
        as_(ADA);
        roster.leave();
    }

    function test_R16_1_NothingKeepsWhoLeaves() external {
        nominate(gus);
        as_(ADA);
        ledger.withdraw(PURSE);
        charge(ADA, PER_EVENT);
        docket.openEpoch(WOOD, now40() - 1 days);

        as_(ADA);
        roster.leave();

        vm.assertFalse(roster.isMember(ADA), "R16.1: no reason, no debt and no duty keeps anybody");
        vm.assertEq(purseOf(ADA).arrears, PER_EVENT, "R16.1: what is owed stays owed");
    }
}

contract LargeVillageTest is Crowd {
    uint256 private constant MOST = 150;

    function nominated(uint256 number, uint256 sponsor) private returns (uint256 nomination) {
        vm.prank(memberAddress(sponsor));
        nomination = roster.nominate(memberAddress(number), 1);
        for (uint256 voucher = sponsor + 1; voucher <= sponsor + 2; ++voucher) {
            vm.prank(memberAddress(voucher));
            roster.vouch(nomination);
        }
        vm.prank(memberAddress(number));
        roster.join(nomination);
    }

    function objectAll(uint256 nomination, uint256 first, uint256 count) private {
        for (uint256 member = first; member < first + count; ++member) {
            vm.prank(memberAddress(member));
            roster.objectToAdmission(nomination);
        }
    }

    function test_R4_2_ATenthOfALargeVillageRefuses() external {
        found(25, 4);
        uint256 one = nominated(26, 1);
        uint256 other = nominated(27, 4);
        objectAll(one, 7, 3); // ceil(25/10)
        objectAll(other, 7, 2);
        passTime(7 days + 1);

        vm.assertEq(MemberId.unwrap(roster.admit(one)), 0, "R4.2: three of 25 refuse");
        vm.assertEq(MemberId.unwrap(roster.admit(other)), 26, "R4.2: two do not");
    }

    function test_R0_A151stIsRefused() external {
        found(MOST_FOUNDERS, 4);
        for (uint256 number = MOST_FOUNDERS + 1; number < MOST; ++number) {
            CrowdRoster(address(roster)).enter(memberAddress(number), 1);
        }
        passTime(90 days); // what came in before fills no rate (R4.3)
        uint256 last = nominated(MOST, 1);
        uint256 beyond = nominated(MOST + 1, 4);
        passTime(7 days + 1);

        roster.admit(last);
        vm.assertEq(roster.population(), MOST, "R0: the 150th comes in");
        vm.expectRevert(abi.encodeWithSelector(IRoster.CharterFull.selector, MOST, MOST));
        roster.admit(beyond);
    }
}

contract RosterUnfoundedTest is MoneyTest {
    function test_R2_2_NothingWorksBeforeIgnition() external {
        vm.expectRevert(IRoster.NotIgnited.selector);
        vm.prank(ada);
        roster.nominate(stranger, 1);
        vm.expectRevert(IRoster.NotIgnited.selector);
        vm.prank(ada);
        roster.leave();
        vm.assertTrue(roster.isMember(ADA), "founders are members from the start");
        vm.assertFalse(roster.isMature(ADA, type(uint40).max), "but do not vote yet");
    }
}

abstract contract RosterActTest is RosterTest, SignedActTest {
    uint256 internal nomination;

    function setUp() public virtual override {
        super.setUp();
        nomination = nominate(gus);
    }

    function door() internal view override returns (Signed) {
        return roster;
    }

    function signer() internal view virtual override returns (uint256, address) {
        return (keyOf("eve"), roster.keyOf(EVE));
    }
}

contract NominateBySigTest is RosterActTest {
    address private constant HANA = address(0xa4a);

    function primaryType() internal pure override returns (string memory) {
        return "NominateMember";
    }

    function deedOf(uint256 nonce, uint64 deadline) internal pure override returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "NominateMember(string deed,uint16 member,address candidate,uint16 household,uint256 nonce,uint64 deadlineUnixSeconds)"
                ),
                keccak256("I propose this person as a member, and vouch that they are one person."),
                EVE,
                HANA,
                HOUSE,
                nonce,
                deadline
            )
        );
    }

    function carry(uint256 nonce, uint64 deadline, bytes memory signature) internal override {
        roster.nominateBySig(EVE, HANA, HOUSE, nonce, deadline, signature);
    }

    function assertDone() internal view override {
        vm.assertEq(roster.nominationOf(2).candidate, HANA, "nominated");
    }
}

contract VouchBySigTest is RosterActTest {
    function primaryType() internal pure override returns (string memory) {
        return "VouchFor";
    }

    function deedOf(uint256 nonce, uint64 deadline) internal view override returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "VouchFor(string deed,uint16 member,uint256 nomination,address candidate,uint256 nonce,uint64 deadlineUnixSeconds)"
                ),
                keccak256("I vouch that this candidate is one person and no member yet."),
                EVE,
                nomination,
                gus,
                nonce,
                deadline
            )
        );
    }

    function carry(uint256 nonce, uint64 deadline, bytes memory signature) internal override {
        roster.vouchBySig(EVE, nomination, nonce, deadline, signature);
    }

    function assertDone() internal view override {
        vm.assertEq(roster.nominationOf(nomination).vouchers.length, 2, "vouched");
    }
}

contract ObjectBySigTest is RosterActTest {
    function primaryType() internal pure override returns (string memory) {
        return "ObjectToAdmission";
    }

    function deedOf(uint256 nonce, uint64 deadline) internal view override returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "ObjectToAdmission(string deed,uint16 member,uint256 nomination,address candidate,uint256 nonce,uint64 deadlineUnixSeconds)"
                ),
                keccak256("I object to admitting this candidate."),
                EVE,
                nomination,
                gus,
                nonce,
                deadline
            )
        );
    }

    function carry(uint256 nonce, uint64 deadline, bytes memory signature) internal override {
        roster.objectToAdmissionBySig(EVE, nomination, nonce, deadline, signature);
    }

    function assertDone() internal view override {
        vm.assertEq(roster.nominationOf(nomination).objectors.length, 1, "objected");
    }
}

contract JoinBySigTest is RosterActTest {
    function signer() internal view override returns (uint256, address) {
        return (keyOf("gus"), gus);
    }

    function primaryType() internal pure override returns (string memory) {
        return "JoinCharter";
    }

    function deedOf(uint256 nonce, uint64 deadline) internal view override returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "JoinCharter(string deed,bytes32 articles,uint256 nomination,uint16 household,uint256 nonce,uint64 deadlineUnixSeconds)"
                ),
                keccak256("I join this charter under its articles."),
                charter.articlesHash(),
                nomination,
                HOUSE,
                nonce,
                deadline
            )
        );
    }

    function carry(uint256 nonce, uint64 deadline, bytes memory signature) internal override {
        roster.joinBySig(nomination, nonce, deadline, signature);
    }

    function assertDone() internal view override {
        vm.assertTrue(roster.nominationOf(nomination).joined, "joined");
    }
}

contract LeaveBySigTest is RosterActTest {
    /// @dev Who left is no member who could sign again.
    function refusalOfReplay(address account) internal pure override returns (bytes memory) {
        return abi.encodeWithSelector(Signed.NotAMember.selector, account);
    }

    function primaryType() internal pure override returns (string memory) {
        return "LeaveCharter";
    }

    function deedOf(uint256 nonce, uint64 deadline) internal pure override returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("LeaveCharter(string deed,uint16 member,uint256 nonce,uint64 deadlineUnixSeconds)"),
                keccak256("I leave this charter for good."),
                EVE,
                nonce,
                deadline
            )
        );
    }

    function carry(uint256 nonce, uint64 deadline, bytes memory signature) internal override {
        roster.leaveBySig(EVE, nonce, deadline, signature);
    }

    function assertDone() internal view override {
        vm.assertFalse(roster.isMember(EVE), "left");
    }
}
