// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Signed} from "../../contracts/Signed.sol";
import {Device, IDocket} from "../../contracts/interfaces/IDocket.sol";
import {Calendar, EpochKind} from "../../contracts/types/Calendar.sol";
import {Epoch, MemberId, StreamId} from "../../contracts/types/Ids.sol";
import {Seated} from "./Seated.sol";

contract DevicesTest is Seated {
    uint256 internal constant NOTICE = 72 hours;
    bytes32 internal constant BADGE = keccak256("badge of ada");

    function setUp() public {
        found(4, 0, EpochKind.Day);
    }

    function replace(Device memory given) internal returns (uint40 from) {
        from = nextBeginning();
        vm.prank(personOf("ada"));
        docket.replaceDevice(PILE, 0, given);
    }

    /// @notice When the first day begins that begins after the notice.
    function nextBeginning() internal view returns (uint40) {
        uint256 day = Calendar.day(vm.getBlockTimestamp() + NOTICE, TZ) + 1;
        return uint40(Calendar.dayBegin(day, TZ));
    }

    function keyAt(uint40 begin) internal view returns (bytes32) {
        return docket.devicesAt(PILE, begin)[0].key;
    }

    function refused(address caller, uint8 index, Device memory given, bytes memory reason) internal {
        vm.expectRevert(reason);
        vm.prank(caller);
        docket.replaceDevice(PILE, index, given);
    }

    /* DEVICES */

    function test_R7_1_replacedFromTheFirstEpochAfter72Hours() public {
        Device memory old = device("radar", 0);
        Device memory fresh = device("radar", 77);
        uint40 from = nextBeginning();

        vm.expectEmit(address(docket));
        emit IDocket.DeviceReplaced(PILE, 0, fresh, from);
        replace(fresh);

        vm.assertGt(uint256(from), block.timestamp + NOTICE, "R7.1: 72 hours to look at it");
        vm.assertLe(uint256(from), block.timestamp + NOTICE + 1 days, "R7.1: and the first day then");
        vm.assertEq(keyAt(from - 1 days), old.key, "R7.1: epochs that begin earlier keep the old device");
        vm.assertEq(keyAt(from), fresh.key, "R7.1: later ones have the new");
        vm.assertEq(abi.encode(docket.devicesAt(PILE, from)[0]), abi.encode(fresh), "whole");
        vm.assertEq(docket.devicesAt(PILE, from)[1].key, device("scale", 0).key, "the other place stays");
    }

    function test_R7_1_replacementNotBegunIsReplaced() public {
        replace(device("radar", 77));
        uint40 from = replace(device("radar", 78));

        vm.assertEq(keyAt(from), device("radar", 78).key, "R7.1: the later word of the same day counts");
        passTime(1 days);
        uint40 later = replace(device("radar", 79));
        vm.assertEq(keyAt(from), device("radar", 78).key, "each day its own");
        vm.assertEq(keyAt(later), device("radar", 79).key, "each day its own");
    }

    function test_R7_1_samePlaceMayKeepItsKey() public {
        Device memory calibrated = device("radar", 0);
        calibrated.calibratedUntil = uint40(block.timestamp + 365 days);
        uint40 from = replace(calibrated);

        vm.assertEq(
            uint256(docket.devicesAt(PILE, from)[0].calibratedUntil),
            block.timestamp + 365 days,
            "R7.1: calibrated anew"
        );
        vm.assertEq(
            uint256(docket.devicesAt(PILE, from - 1)[0].calibratedUntil), type(uint40).max, "not before"
        );
    }

    function test_R7_1_replaceReverts() public {
        Device memory fresh = device("radar", 77);
        address ada_ = personOf("ada");
        address ben_ = personOf("ben");

        refused(ada_, 2, fresh, abi.encodeWithSelector(IDocket.DeviceUnknown.selector, PILE, 2));
        refused(ben_, 0, fresh, abi.encodeWithSelector(IDocket.NotCustodian.selector, PILE, ben, ada));
        refused(
            ada_,
            0,
            device("scale", 0),
            abi.encodeWithSelector(IDocket.DeviceKeyTaken.selector, bytes8(device("scale", 0).key))
        );
        fresh.alg = 0;
        refused(ada_, 0, fresh, abi.encodeWithSelector(IDocket.DeviceMalformed.selector, fresh.key, 0, 60));
        roster.leave(ada);
        refused(
            ada_,
            0,
            device("radar", 77),
            abi.encodeWithSelector(IDocket.NotCustodian.selector, PILE, ada, ada)
        );
        vm.expectRevert(abi.encodeWithSelector(IDocket.DeviceUnknown.selector, StreamId.wrap(2), 0));
        docket.replaceDevice(StreamId.wrap(2), 0, fresh);
    }

    function test_R7_1_replaceRevertsBeforeIgnition() public {
        foundSeats(4, 0);
        enrolStreams(new EpochKind[](1));

        refused(personOf("ada"), 0, device("radar", 77), abi.encodeWithSelector(IDocket.NotIgnited.selector));
    }

    function test_R1_8_replaceDeviceBySig() public {
        Device memory fresh = device("radar", 77);
        uint64 deadline = uint64(block.timestamp + 1 days);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "ReplaceDevice(string deed,uint16 custodian,uint16 stream,uint8 place,bytes32 deviceKey,uint8 algorithm,bytes16 kind,uint32 heartbeatSeconds,uint40 calibratedUntilUnixSeconds,uint256 nonce,uint64 deadlineUnixSeconds)"
                ),
                keccak256("As custodian I put this device in the place of the one before it."),
                ada,
                PILE,
                uint8(0),
                fresh.key,
                fresh.alg,
                fresh.kind,
                fresh.intervalSeconds,
                fresh.calibratedUntil,
                uint256(1),
                deadline
            )
        );
        bytes memory signature = signed(keyOf("ada"), typed(structHash));

        docket.replaceDeviceBySig(ada, PILE, 0, fresh, 1, deadline, signature);

        vm.assertEq(keyAt(nextBeginning()), fresh.key, "R1.8: the twin does the same");
        vm.expectRevert(abi.encodeWithSelector(Signed.NonceAlreadySpent.selector, personOf("ada"), 1));
        docket.replaceDeviceBySig(ada, PILE, 0, fresh, 1, deadline, signature);
    }

    function test_R7_1_olderVersionsAreFoundAsLongAsAnEpochIsOpen() public {
        for (uint256 i = 1; i <= 80; ++i) {
            replace(device("radar", 100 + i));
            passTime(1 days);
        }
        uint40 oldest = uint40(vm.getBlockTimestamp() - 52 days);

        vm.assertEq(
            uint256(uint128(docket.devicesAt(PILE, oldest)[0].kind)), uint128(bytes16("radar")), "still found"
        );
        bytes32 then = keyAt(oldest);
        vm.assertTrue(then != keyAt(oldest - 1 days), "each day's own");
    }

    /* BADGES */

    function tomorrow() internal view returns (uint40) {
        return uint40(Calendar.dayBegin(Calendar.day(vm.getBlockTimestamp(), TZ) + 1, TZ));
    }

    function enrol(string memory who, bytes32 badge) internal returns (uint40 from) {
        from = tomorrow();
        vm.prank(personOf(who));
        docket.enrolBadge(badge);
    }

    function test_R7_1_badgeHoldsFromTheNextDay() public {
        uint40 from = tomorrow();

        vm.expectEmit(address(docket));
        emit IDocket.BadgeEnrolled(ada, BADGE, from);
        enrol("ada", BADGE);

        vm.assertEq(docket.badgeAt(ada, from), BADGE, "R7.1: from tomorrow");
        vm.assertEq(docket.badgeAt(ada, from - 1), 0, "R7.1: not today");
        vm.assertEq(docket.badgeAt(ben, from), 0, "hers alone");
    }

    function test_R7_1_badgesAreDated() public {
        uint40 first = enrol("ada", BADGE);
        enrol("ada", keccak256("lost at once"));
        enrol("ada", BADGE);
        passTime(3 days);
        uint40 second = enrol("ada", keccak256("another"));

        vm.assertEq(docket.badgeAt(ada, first), BADGE, "the last word of a day counts");
        vm.assertEq(docket.badgeAt(ada, second - 1), BADGE, "until the next holds");
        vm.assertEq(docket.badgeAt(ada, second), keccak256("another"), "from its day");
    }

    function test_R7_1_badgeOfAnotherIsRefused() public {
        enrol("ada", BADGE);

        vm.expectRevert(abi.encodeWithSelector(IDocket.BadgeTaken.selector, BADGE, ada));
        vm.prank(personOf("ben"));
        docket.enrolBadge(BADGE);
    }

    function test_R7_1_badgeGivenUpMayBeEnrolledByAnother() public {
        enrol("ada", BADGE);
        passTime(2 days);
        uint40 end = enrol("ada", 0);
        uint40 from = enrol("ben", BADGE);

        vm.assertEq(docket.badgeAt(ada, end), 0, "she has none any more");
        vm.assertEq(docket.badgeAt(ben, from), BADGE, "he has it");
        vm.assertGe(uint256(from), end, "R7.1: nobody's badge is two people's in one epoch");
    }

    function test_R7_1_enrolBadgeReverts() public {
        vm.expectRevert(abi.encodeWithSelector(IDocket.NotAMemberId.selector, 0));
        vm.prank(personOf("a stranger"));
        docket.enrolBadge(BADGE);
        roster.leave(ada);
        vm.expectRevert(abi.encodeWithSelector(IDocket.NotAMemberId.selector, ada));
        vm.prank(personOf("ada"));
        docket.enrolBadge(BADGE);
        foundSeats(4, 0);
        vm.expectRevert(abi.encodeWithSelector(IDocket.NotIgnited.selector));
        vm.prank(personOf("ada"));
        docket.enrolBadge(BADGE);
    }

    function test_R1_8_enrolBadgeBySig() public {
        uint64 deadline = uint64(block.timestamp + 1 days);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "EnrolBadge(string deed,uint16 member,bytes32 badge,uint256 nonce,uint64 deadlineUnixSeconds)"
                ),
                keccak256("I enrol this badge as mine. From tomorrow, what is taken with it is taken by me."),
                ada,
                BADGE,
                uint256(3),
                deadline
            )
        );
        bytes memory signature = signed(keyOf("ada"), typed(structHash));

        docket.enrolBadgeBySig(ada, BADGE, 3, deadline, signature);

        vm.assertEq(docket.badgeAt(ada, tomorrow()), BADGE, "R1.8: the twin does the same");
        vm.expectRevert(abi.encodeWithSelector(Signed.NonceAlreadySpent.selector, personOf("ada"), 3));
        docket.enrolBadgeBySig(ada, BADGE, 3, deadline, signature);
        vm.expectRevert(abi.encodeWithSelector(Signed.SignatureInvalid.selector, personOf("ben")));
        docket.enrolBadgeBySig(ben, BADGE, 3, deadline, signature);
    }

    function test_R2_1_foundBadgeHoldsFromTheBeginning() public {
        charter.foundBadge(ada, BADGE);

        vm.assertEq(docket.badgeAt(ada, 0), BADGE, "R2.1: a founder's badge holds from the first epoch");
    }

    function test_R2_1_foundBadgeIsTheChartersAlone() public {
        vm.expectRevert(abi.encodeWithSelector(IDocket.CallerNot.selector, personOf("ada"), address(charter)));
        vm.prank(personOf("ada"));
        docket.foundBadge(ada, BADGE);
    }

    /* RESEAT */

    function test_R7_4_reseatIsTheCommitteesAlone() public {
        vm.expectRevert(
            abi.encodeWithSelector(IDocket.CallerNot.selector, address(charter), address(committee))
        );
        vm.prank(address(charter));
        docket.reseat(2, 4, address(0));
    }

    function test_R2_2_reseatWaitsForIgnition() public {
        foundSeats(4, 0);

        vm.expectRevert(abi.encodeWithSelector(IDocket.NotIgnited.selector));
        vm.prank(address(committee));
        docket.reseat(1, 4, address(0));
    }
}
